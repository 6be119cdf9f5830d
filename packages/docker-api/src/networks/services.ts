import { type Network, type Pod, virtualAddressesOf, type Workload } from '@kraud/cloud';
import { endpointId } from '../containers/show/networks.ts';
import { taskLabels } from '../tasks/view.ts';

/** `Services` of a network that is inspected in full: those with tasks on it, by name. */
export function servicesOn(
  network: Network,
  workloads: readonly Workload[],
  members: readonly Pod[],
): Record<string, unknown> {
  const { name } = network.meta;
  const services = workloads.flatMap((workload) => {
    const { meta, spec } = workload;
    const tasks = members.filter((pod) => pod.meta.labels[taskLabels.service] === meta.uid);
    if (spec.endpoint === undefined || tasks.length === 0) return [];
    const [address] = virtualAddressesOf(workload, [network]);
    const shown = tasks.map((pod) => ({
      Name: pod.meta.name,
      EndpointID: endpointId(pod, name),
      EndpointIP: pod.status.network?.addresses.find((each) => each.network === name)?.ipv4 ?? '',
      Info: {},
    }));
    return [[meta.name, { VIP: address?.ipv4 ?? '', Ports: [], LocalLBIndex: 0, Tasks: shown }] as const];
  });
  return Object.fromEntries(services);
}
