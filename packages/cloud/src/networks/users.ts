import type { Network, Pod, PodSpec, Workload } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';
import { isUp } from '../pods/find.ts';

const isOn = (spec: Pick<PodSpec, 'networks'>, { meta }: Network): boolean =>
  spec.networks.some(({ name }) => name === meta.name);

/** Pods with an address on it. */
export function membersOf(parts: Pick<CloudParts, 'pods'>, network: Network): Pod[] {
  return parts.pods.list(network.meta.tenant).filter((pod) => holdsAddress(pod) && isOn(pod.spec, network));
}

export function workloadsOn(parts: Pick<CloudParts, 'workloads'>, network: Network): Workload[] {
  return parts.workloads.list(network.meta.tenant).filter(({ spec }) => isOn(spec.template.spec, network));
}

const holdsAddress = (pod: Pod): boolean => isUp(pod) || pod.status.phase === 'starting';
