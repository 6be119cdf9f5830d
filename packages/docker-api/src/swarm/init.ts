import { KraudError } from '@kraud/base';
import type { Caller, Cloud, Host, SubnetPool, Swarm } from '@kraud/cloud';
import { row } from '../body/rows.ts';
import { HttpFault } from '../errors.ts';
import { availabilityOf } from '../nodes/availability.ts';
import type { Operation } from '../operation.ts';
import { swarmId } from './ids.ts';
import { alreadyMember } from './member.ts';
import {
  checkSpec,
  dataPathPortDefault,
  type SwarmSpecBody,
  subnetSizeDefault,
  swarmSpecRows,
  wishOf,
} from './spec.ts';

interface InitBody {
  ListenAddr?: string;
  AdvertiseAddr?: string;
  DataPathAddr?: string;
  ForceNewCluster?: boolean;
  DataPathPort?: number;
  DefaultAddrPool?: string[];
  SubnetSize?: number;
  Availability?: string;
  Spec?: SwarmSpecBody;
}

const listens = { kept: true, note: 'where hosts reach each other is kraudd’s `--listen`' } as const;

export const initSwarm: Operation = {
  method: 'POST',
  path: '/swarm/init',
  support: 'partly',
  note: 'the cloud is there already: this makes the host a manager, and Docker’s clients see it',
  body: [
    row('partly', 'ListenAddr', 'string', '0.0.0.0:2377', listens),
    row('partly', 'AdvertiseAddr', 'string', '10.0.0.1', listens),
    row('partly', 'DataPathAddr', 'string', '10.0.0.1', listens),
    row('partly', 'DataPathPort', 'int', 4790, { kept: true, note: 'shown; there is no VXLAN' }),
    row('yes', 'DefaultAddrPool', 'strings', ['10.1.0.0/16'], { note: 'for networks of swarm scope' }),
    row('yes', 'SubnetSize', 'int', 25, { note: 'of DefaultAddrPool' }),
    row('partly', 'ForceNewCluster', 'bool', true, {
      note: 'makes the host the only manager, with all that is there; a quorum is the store’s own affair',
    }),
    row('refused', 'AutoLockManagers', 'bool', true, { note: 'the store keeps its own keys' }),
    row('yes', 'Availability', 'string', 'drain'),
    ...swarmSpecRows('Spec.', { begins: true }),
  ],
  async run(cloud, call) {
    const { swarms, hosts } = cloud;
    const body = (await call.body()).body as InitBody;
    const { Spec: spec = {}, Availability: availability } = body;
    if (!body.ListenAddr) {
      throw new KraudError('invalid', 'invalid ListenAddr "": invalid empty address');
    }
    if (isAnyAddress(body.AdvertiseAddr)) {
      throw new KraudError('invalid', 'advertise address must be a non-zero IP address');
    }
    if (isAnyAddress(body.DataPathAddr)) {
      throw new KraudError('invalid', 'data path address must be a non-zero IP address');
    }
    const dataPathPort = dataPathPortOf(body);
    checkSpec(spec);
    const change = { manager: true, ...(availability ? availabilityOf(availability) : {}) };
    const present = await swarms.get(call.caller);
    if (present) {
      if (!body.ForceNewCluster) throw new HttpFault(503, alreadyMember);
      call.json(200, swarmId(await takeOver(cloud, call.caller, present)));
      return;
    }
    await swarms.begin(call.caller, wishOf(spec, { dataPathPort }), poolOf(body));
    const self = await hosts.self(call.caller);
    await hosts.update(call.caller, self.meta.name, change);
    call.json(200, swarmId(self));
  },
};

/** The swarm goes on with this host as its only manager: nothing that it has is lost. */
async function takeOver(
  { hosts, swarms }: Pick<Cloud, 'hosts' | 'swarms'>,
  caller: Caller,
  { given, certificateTtlMs, version }: Swarm,
): Promise<Host> {
  const self = await hosts.self(caller);
  const wish = { given, ...(certificateTtlMs === undefined ? {} : { certificateTtlMs }) };
  await swarms.update(caller, wish, version);
  const taken = await hosts.update(caller, self.meta.name, { manager: true });
  for (const { meta, spec } of await hosts.list(caller)) {
    if (spec.manager && meta.uid !== self.meta.uid) await hosts.update(caller, meta.name, { manager: false });
  }
  return taken;
}

const isAnyAddress = (text = ''): boolean => /^(0\.0\.0\.0|\[?::\]?)(:\d+)?$/.test(text);

const portFirst = 1024;
const portLast = 49_151;

function dataPathPortOf({ DataPathPort: port }: InitBody): number {
  if (!port) return dataPathPortDefault;
  if (port < portFirst || port > portLast) {
    throw new KraudError(
      'invalid',
      `invalid DataPathPort ${port}: it must be from ${portFirst} to ${portLast}`,
    );
  }
  return port;
}

function poolOf({ DefaultAddrPool: blocks = [], SubnetSize: size }: InitBody): SubnetPool | undefined {
  return blocks.length === 0 ? undefined : { blocks, prefix: size || subnetSizeDefault };
}
