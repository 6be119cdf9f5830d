import { hasNames, type Network, type Pod, virtualAddress, type Workload } from '@kraud/macro';
import type { Service } from '@kraud/network';
import { isReady } from '../gates/plan.ts';

/** What the services of a workload rest on. */
export interface ServiceSeen {
  readonly workload: Workload;
  /** The workload's. */
  readonly pods: readonly Pod[];
  readonly networkOf: (name: string) => Network | undefined;
  /** Whether this host's pods reach the pods of that one. */
  readonly isReached: (host: string) => boolean;
}

/** A service for each network that the workload's pods are on and that has names. Pure. */
export function servicesOf({ workload, pods, networkOf, isReached }: ServiceSeen): Service[] {
  const { meta, spec } = workload;
  const { endpoint } = spec;
  if (endpoint === undefined) return [];
  const reached = pods
    .filter((pod) => pod.spec.host !== undefined && isReached(pod.spec.host))
    .toSorted((a, b) => (a.meta.uid < b.meta.uid ? -1 : 1));
  return spec.template.spec.networks.flatMap(({ name, aliases }) => {
    const network = networkOf(name);
    if (!network || !hasNames(network)) return [];
    const placed = reached.flatMap((pod) => {
      const place = pod.status.network?.addresses.find((each) => each.network === name);
      return place ? [{ pod, ipv4: place.ipv4 }] : [];
    });
    const virtual = endpoint === 'virtual' ? virtualAddress(network, workload) : undefined;
    return [
      {
        tenant: meta.tenant,
        network: name,
        names: [...new Set([meta.name, ...aliases])],
        ...(virtual === undefined ? {} : { virtual }),
        ready: placed.filter(({ pod }) => isReady(pod)).map(({ ipv4 }) => ipv4),
        members: placed.map(({ ipv4 }) => ipv4),
      },
    ];
  });
}
