import { KraudError } from '@kraud/base';
import {
  addressesOn,
  defaultNamespace,
  hasNames,
  type Network,
  type PodNetwork,
  virtualAddress,
  type Workload,
  withVirtual,
} from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';

/** The workload's virtual addresses, in the order of its networks. `networks` are its tenant's. */
export function virtualAddressesOf(
  workload: Workload,
  networks: readonly Network[],
): { readonly network: Network; readonly ipv4: string; readonly prefix: number }[] {
  return workload.spec.template.spec.networks.flatMap(({ name }) => {
    const network = networks.find(({ meta }) => meta.name === name);
    const ipv4 = network && virtualAddress(network, workload);
    if (!network || ipv4 === undefined) return [];
    return [{ network, ipv4, prefix: Number(network.spec.subnet?.split('/')[1]) }];
  });
}

/** Refuses a workload for which a network has no virtual address left; it is given one once it is there. */
export function checkAddressLeft(
  { networks, pods }: Pick<CloudParts, 'networks' | 'pods'>,
  { tenant }: Caller,
  uid: string,
  on: readonly PodNetwork[],
): void {
  for (const { name } of on) {
    const network = networks.get({ tenant, namespace: defaultNamespace, name });
    if (!network || !hasNames(network)) continue;
    const present = Object.keys(network.status.virtual?.addresses ?? {});
    const wanted = [...new Set([...present, uid])];
    const { left } = withVirtual(network, wanted, addressesOn(pods.list(tenant), name));
    if (left.length === 0) continue;
    throw new KraudError('exhausted', `no available IPv4 addresses on network ${name} for the service's own`);
  }
}
