import type { Network, Pod } from '@kraud/cloud';
import { endpointId, shownName } from '../containers/show/networks.ts';

/** Docker's names of what Kraud calls `default`, `vpc` and `none`. */
export const networkName = ({ meta }: Network): string => shownName(meta.name);
export const networkDriver = ({ spec, given }: Network): string =>
  spec.driver === 'none' ? 'null' : isIngress(spec) ? 'overlay' : (givenOf(given).Driver ?? 'bridge');

const isIngress = ({ driver }: Network['spec']): boolean => driver === 'ingress';

/** Names that every daemon has. `host` is absent: a pod can't share the host's network. */
export const predefined: readonly string[] = ['bridge', 'none', 'default'];

/** What `create` was asked, as far as it is shown again. */
export interface GivenNetwork {
  readonly Driver?: string;
  readonly Scope?: string;
  readonly Attachable?: boolean;
  readonly IpamOptions?: Record<string, string>;
}

export const givenOf = (given: Network['given']): GivenNetwork => (given.docker ?? {}) as GivenNetwork;

export const networkScope = ({ spec, given }: Network): string =>
  isIngress(spec) ? 'swarm' : (givenOf(given).Scope ?? 'local');

export function networkOf(network: Network, members: readonly Pod[] | undefined): Record<string, unknown> {
  const { meta, spec, given } = network;
  const { Attachable: attachable = false, IpamOptions: ipamOptions } = givenOf(given);
  const config = spec.subnet
    ? [
        {
          Subnet: spec.subnet,
          ...(spec.range ? { IPRange: spec.range } : {}),
          ...(spec.gateway ? { Gateway: spec.gateway } : {}),
          ...(spec.reserved ? { AuxiliaryAddresses: spec.reserved } : {}),
        },
      ]
    : [];
  return {
    Name: networkName(network),
    Id: meta.uid,
    Created: meta.createdAt,
    Scope: networkScope(network),
    Driver: networkDriver(network),
    EnableIPv4: spec.driver !== 'none',
    EnableIPv6: false,
    IPAM: {
      Driver: 'default',
      Options: ipamOptions ? { ...serial(network), ...ipamOptions } : null,
      Config: config,
    },
    Internal: spec.internal,
    Attachable: attachable,
    Ingress: isIngress(spec),
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries((members ?? []).map((pod) => [pod.meta.uid, memberOf(pod, network)])),
    Options: spec.options,
    Labels: meta.labels,
  };
}

/** What a swarm's own driver adds to options that it is given. */
const serial = (network: Network): Record<string, string> =>
  networkScope(network) === 'swarm' ? { 'com.docker.network.ipam.serial': 'true' } : {};

function memberOf(pod: Pod, { meta }: Network): Record<string, unknown> {
  const address = pod.status.network?.addresses.find(({ network }) => network === meta.name);
  return {
    Name: pod.meta.name,
    EndpointID: endpointId(pod, meta.name),
    MacAddress: pod.status.network?.mac ?? '',
    IPv4Address: address ? `${address.ipv4}/${address.prefix}` : '',
    IPv6Address: '',
  };
}
