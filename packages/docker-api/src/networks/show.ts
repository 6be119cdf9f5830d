import type { Network, Pod } from '@kraud/cloud';
import { endpointId } from '../containers/show/networks.ts';

/** Docker's names of what Kraud calls `default`, `vpc` and `none`. */
export const networkName = ({ meta }: Network): string => (meta.name === 'default' ? 'bridge' : meta.name);
export const networkDriver = ({ spec }: Network): string => (spec.driver === 'none' ? 'null' : 'bridge');

/** Names that every daemon has. `host` is absent: a pod can't share the host's network. */
export const predefined: readonly string[] = ['bridge', 'none', 'default'];

export function networkOf(network: Network, members: readonly Pod[] | undefined): Record<string, unknown> {
  const { meta, spec } = network;
  const config = spec.subnet
    ? [{ Subnet: spec.subnet, ...(spec.gateway ? { Gateway: spec.gateway } : {}) }]
    : [];
  return {
    Name: networkName(network),
    Id: meta.uid,
    Created: meta.createdAt,
    Scope: 'local',
    Driver: networkDriver(network),
    EnableIPv4: spec.driver !== 'none',
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: null, Config: config },
    Internal: spec.internal,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries((members ?? []).map((pod) => [pod.meta.uid, memberOf(pod)])),
    Options: spec.options,
    Labels: meta.labels,
  };
}

function memberOf(pod: Pod): Record<string, unknown> {
  const address = pod.status.network;
  return {
    Name: pod.meta.name,
    EndpointID: endpointId(pod),
    MacAddress: address?.mac ?? '',
    IPv4Address: address ? `${address.ipv4}/${address.prefix}` : '',
    IPv6Address: '',
  };
}
