import { compactId } from '@kraud/base';
import type { Caller, Cloud, Pod } from '@kraud/cloud';
import { swarmId } from '../swarm/ids.ts';
import { taskLabels } from './view.ts';

/** Pods with the labels that Docker's clients know the tasks of services by, computed from what the cloud knows. */
export async function withTaskLabels(
  { hosts }: Pick<Cloud, 'hosts'>,
  caller: Caller,
  pods: readonly Pod[],
): Promise<Pod[]> {
  if (!pods.some(isTask)) return [...pods];
  const nodeIds = new Map((await hosts.list(caller)).map((host) => [host.meta.name, swarmId(host)]));
  return pods.map((pod) => (isTask(pod) ? labelled(pod, nodeIds.get(pod.spec.host ?? '') ?? '') : pod));
}

export const isTask = ({ meta }: Pod): boolean =>
  meta.owner !== undefined && meta.labels[taskLabels.service] !== undefined;

function labelled(pod: Pod, nodeId: string): Pod {
  const { meta } = pod;
  const labels = {
    ...meta.labels,
    'com.docker.swarm.node.id': nodeId,
    'com.docker.swarm.service.id': compactId(meta.labels[taskLabels.service] ?? ''),
    'com.docker.swarm.service.name': meta.owner?.name ?? '',
    'com.docker.swarm.task': '',
    'com.docker.swarm.task.id': swarmId(pod),
    'com.docker.swarm.task.name': meta.name,
  };
  return { ...pod, meta: { ...meta, labels } };
}
