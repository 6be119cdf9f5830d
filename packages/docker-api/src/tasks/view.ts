import type { Caller, Cloud, Host, Pod, Workload } from '@kraud/cloud';
import { swarmId } from '../swarm/ids.ts';
import { desiredStateOf, stateOf, type TaskStatus } from './state.ts';

/** The controller's labels on pods. */
export const taskLabels = {
  service: 'kr.workload',
  slot: 'kr.slot',
  revision: 'kr.revision',
  hash: 'kr.revision-hash',
  iteration: 'kr.iteration',
} as const;

/** A pod as a task of its service, with all that its looks depend on. */
export interface TaskView {
  readonly id: string;
  readonly pod: Pod;
  readonly workload: Workload;
  readonly host: Host | undefined;
  /** Undefined in the global modes; from 1, but from 0 in a job, as clients count them. */
  readonly slot: number | undefined;
  /** As clients show it: `web.1`, or `web.NODE` in the global modes. */
  readonly name: string;
  readonly status: TaskStatus;
  readonly desired: string;
}

/** Tasks are the pods that workloads own. */
export async function tasksOf(
  cloud: Pick<Cloud, 'workloads' | 'pods' | 'hosts'>,
  caller: Caller,
): Promise<TaskView[]> {
  const [workloads, hosts] = [await cloud.workloads.list(caller), await cloud.hosts.list(caller)];
  const byUid = new Map(workloads.map((workload) => [workload.meta.uid, workload]));
  const byName = new Map(hosts.map((host) => [host.meta.name, host]));
  const tasks: TaskView[] = [];
  for (const pod of await cloud.pods.list(caller)) {
    const workload = byUid.get(pod.meta.labels[taskLabels.service] ?? '');
    if (workload) tasks.push(viewOf(pod, workload, byName.get(pod.spec.host ?? '')));
  }
  return tasks;
}

export function viewOf(pod: Pod, workload: Workload, host: Host | undefined): TaskView {
  const { type } = workload.spec.mode;
  const isGlobal = type === 'global' || type === 'global-job';
  const isJob = type === 'job' || type === 'global-job';
  const label = pod.meta.labels[taskLabels.slot] ?? '';
  const status = stateOf(pod, host);
  return {
    id: swarmId(pod),
    pod,
    workload,
    host,
    slot: isGlobal ? undefined : Number(label) - (isJob ? 1 : 0),
    name: `${workload.meta.name}.${isGlobal && host ? swarmId(host) : label}`,
    status,
    desired: desiredStateOf(pod, status.state, isJob),
  };
}

/** It is of the revision that is wanted now, as far as the controller has seen it. */
export function isUpToDate({ pod, workload }: TaskView): boolean {
  const { meta, status } = workload;
  if (status.generation !== meta.generation) return false;
  return pod.meta.labels[taskLabels.hash] === status.revisions.at(-1)?.hash;
}
