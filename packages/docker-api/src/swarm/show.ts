import { codeOf, compactId } from '@kraud/base';
import type { Caller, Cloud, CloudCa, Host, Swarm } from '@kraud/cloud';
import { swarmId } from './ids.ts';
import { beginningOf, subnetSizeDefault, swarmSpecOf } from './spec.ts';
import { clusterTlsInfo } from './tls-info.ts';

/** Docker clients want an address of every node; a cloud of one needs none. */
const localAddress = '127.0.0.1';

/** `ip:port` where other hosts reach this one. */
export const addressOf = ({ status }: Host): string => status.address ?? `${localAddress}:2377`;
export const ipOf = (host: Host): string =>
  addressOf(host)
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1');

/** What `docker info` and `GET /swarm` have in common. */
export function clusterOf(swarm: Swarm, ca: CloudCa | undefined): Record<string, unknown> {
  return {
    ID: compactId(swarm.uid),
    Version: { Index: swarm.version },
    CreatedAt: swarm.createdAt,
    UpdatedAt: swarm.updatedAt,
    Spec: swarmSpecOf(swarm),
    TLSInfo: clusterTlsInfo(ca),
    RootRotationInProgress: ca?.next !== undefined,
    DefaultAddrPool: swarm.pool?.blocks ?? ['10.0.0.0/8'],
    SubnetSize: swarm.pool?.prefix ?? subnetSizeDefault,
    DataPathPort: beginningOf(swarm).dataPathPort,
  };
}

/** `Swarm` of `GET /info`. */
export async function swarmInfo(
  { swarms, hosts }: Pick<Cloud, 'swarms' | 'hosts'>,
  caller: Caller,
): Promise<Record<string, unknown>> {
  const swarm = await swarms.get(caller);
  if (!swarm) {
    return {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    };
  }
  const [self, all] = [await hosts.self(caller), await hosts.list(caller)];
  const managers = all.filter(({ spec }) => spec.manager);
  return {
    NodeID: swarmId(self),
    NodeAddr: ipOf(self),
    LocalNodeState: 'active',
    ControlAvailable: self.spec.manager ?? false,
    Error: '',
    RemoteManagers: managers.map((host) => ({ NodeID: swarmId(host), Addr: addressOf(host) })),
    Nodes: all.length,
    Managers: managers.length,
    Cluster: clusterOf(swarm, await hosts.ca(caller)),
  };
}

/** Shown in a token's place as long as this host can't be joined: it says what to do about that. */
const noToken = 'none-start-kraudd-with---listen';

/** What machines join with. */
export async function joinToken(
  { hosts }: Pick<Cloud, 'hosts'>,
  caller: Caller,
  options: { role: 'worker' | 'manager'; rotate?: boolean },
): Promise<string> {
  try {
    return (await hosts.joinToken(caller, options)).token;
  } catch (error) {
    if (codeOf(error) === 'conflict' || codeOf(error) === 'forbidden') return noToken;
    throw error;
  }
}
