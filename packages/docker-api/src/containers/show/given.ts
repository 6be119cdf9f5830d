import { must } from '@kraud/base';
import type { Pod } from '@kraud/cloud';
import type { CreateBody } from '../draft/body.ts';

/** The body that a docker client gave; undefined when another facade made the pod. */
export function givenBody(pod: Pod): CreateBody | undefined {
  const given = pod.given.docker;
  return typeof given === 'object' && given !== null ? (given as CreateBody) : undefined;
}

/** The container that Docker's API shows: a pod's first. */
export function mainOf(pod: Pod): {
  spec: Pod['spec']['containers'][number];
  status: ContainerStatus | undefined;
} {
  const spec = must(pod.spec.containers[0], 'a pod has a container');
  return { spec, status: pod.status.containers.find((status) => status.name === spec.name) };
}

export type ContainerStatus = Pod['status']['containers'][number];
