import type { ContainerStatus, Host, Pod } from '../model/index.ts';
import { workloadLabels } from '../model/index.ts';
import { evicts } from './eligible.ts';

/** How a pod's only run ended. */
export interface End {
  /** Every container with code 0. */
  readonly ok: boolean;
  /** The controller asked for it: not a failure, whatever the code. */
  readonly asked: boolean;
  readonly unhealthy: boolean;
  /** Of the pod's host's clock; undefined when it never ran. */
  readonly startedMs: number | undefined;
  readonly finishedMs: number | undefined;
}

/**
 * A pod of a workload, as the planner sees it.
 *
 * | state    | is                                                                     |
 * | -------- | ---------------------------------------------------------------------- |
 * | waiting  | nothing of it runs yet                                                 |
 * | running  | its program runs                                                       |
 * | ready    | and is healthy, where health is asked                                  |
 * | stopping | it was asked to end, or is being removed                               |
 * | ended    | its run is over, or will never be: see `end`                           |
 * | lost     | so is its host: nothing of it runs, and nothing will until it is removed |
 */
export interface Member {
  readonly pod: Pod;
  readonly slot: string;
  readonly attempt: number;
  readonly revision: number;
  readonly hash: string;
  readonly iteration: number;
  readonly state: 'waiting' | 'running' | 'ready' | 'stopping' | 'ended' | 'lost';
  /** Its health check has failed for good. */
  readonly unhealthy: boolean;
  /** Its host is to be left. */
  readonly displaced: boolean;
  readonly end: End | undefined;
}

export function memberOf(pod: Pod, hosts: ReadonlyMap<string, Host>, mayMove: boolean): Member {
  const { labels } = pod.meta;
  const number = (key: string): number => Number.parseInt(labels[key] ?? '', 10) || 0;
  const host = pod.spec.host === undefined ? undefined : hosts.get(pod.spec.host);
  const unhealthy = pod.status.containers.some(({ health }) => health?.status === 'unhealthy');
  const over = isOver(pod);
  const lost = pod.spec.host !== undefined && mayMove && !over && isLost(host);
  const state = lost ? 'lost' : over ? 'ended' : stateOf(pod);
  return {
    pod,
    slot: labels[workloadLabels.slot] ?? '',
    attempt: number(workloadLabels.attempt),
    revision: number(workloadLabels.revision),
    hash: labels[workloadLabels.hash] ?? '',
    iteration: number(workloadLabels.iteration),
    state,
    unhealthy,
    displaced: host !== undefined && isLeft(host, pod),
    end: state === 'ended' ? endOf(pod, unhealthy) : undefined,
  };
}

/** It holds its slot: it runs, or will, or did so a moment ago. */
export function isLive({ state }: Member): boolean {
  return state === 'waiting' || state === 'running' || state === 'ready' || state === 'stopping';
}

/** Still has to be asked to end. */
export function isToStop(member: Member): boolean {
  return isLive(member) && member.state !== 'stopping';
}

export function isUp({ state }: Member): boolean {
  return state === 'running' || state === 'ready';
}

export function isLost(host: Host | undefined): boolean {
  return host === undefined || host.status.lostAt !== undefined;
}

/** Pods that are there must go: it is drained, or has a taint that evicts this one. */
function isLeft(host: Host, pod: Pod): boolean {
  return host.spec.drained === true || evicts(host, pod.spec.placement?.tolerations ?? []);
}

/** Its run is over, or will never be. */
export function isOver(pod: Pod): boolean {
  const { phase, serial } = pod.status;
  const { run } = pod.spec;
  if (phase !== 'created' && phase !== 'exited' && phase !== 'dead') return false;
  // A start that failed leaves it as it was made; it may have been asked to stop since.
  if (run.serial <= serial && serial > 0) return true;
  return run.wanted === 'stopped' && (phase !== 'created' || pod.spec.host === undefined);
}

function stateOf(pod: Pod): Member['state'] {
  const { phase } = pod.status;
  if (pod.meta.deletedAt !== undefined || pod.spec.run.wanted === 'stopped') return 'stopping';
  if (phase === 'stopping' || phase === 'removing') return 'stopping';
  if (phase !== 'running' && phase !== 'paused') return 'waiting';
  return pod.spec.containers.every((container) =>
    isHealthy(container.health !== undefined, pod, container.name),
  )
    ? 'ready'
    : 'running';
}

function isHealthy(asked: boolean, pod: Pod, name: string): boolean {
  if (!asked) return true;
  return pod.status.containers.find((container) => container.name === name)?.health?.status === 'healthy';
}

function endOf(pod: Pod, unhealthy: boolean): End {
  const { containers } = pod.status;
  const { run } = pod.spec;
  const startedMs = latest(containers, 'startedAt');
  return {
    ok:
      startedMs !== undefined &&
      !unhealthy &&
      containers.every(({ exitCode, error, oomKilled }) => exitCode === 0 && error === '' && !oomKilled),
    asked: run.wanted === 'stopped' && !run.stoppedByUser && !unhealthy,
    unhealthy,
    startedMs,
    finishedMs: latest(containers, 'finishedAt'),
  };
}

function latest(
  containers: readonly ContainerStatus[],
  field: 'startedAt' | 'finishedAt',
): number | undefined {
  const times = containers
    .map((container) => Date.parse(container[field] ?? ''))
    .filter((ms) => !Number.isNaN(ms));
  return times.length > 0 ? Math.max(...times) : undefined;
}
