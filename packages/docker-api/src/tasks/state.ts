import type { Host, Pod } from '@kraud/cloud';
import { mainOf } from '../containers/show/given.ts';

export type TaskState =
  | 'pending'
  | 'assigned'
  | 'starting'
  | 'running'
  | 'complete'
  | 'failed'
  | 'shutdown'
  | 'rejected'
  | 'orphaned';

export interface TaskStatus {
  readonly state: TaskState;
  readonly at: string;
  readonly message: string;
  readonly error: string;
}

/** How a runtime says that it could not start a program. */
const programFailure = /^failed to create task for container: /;

/**
 * What a pod is doing, in Swarm's words.
 *
 * | pod                                    | task                      |
 * | -------------------------------------- | ------------------------- |
 * | created, bound to no host              | pending                   |
 * | created, bound                         | assigned                  |
 * | starting, or its health isn't known yet | starting                 |
 * | running, paused, stopping              | running                   |
 * | ended, or not begun, as it was asked to | shutdown                 |
 * | exited with 0                          | complete                  |
 * | exited with another code, or ended because it was unhealthy | failed |
 * | its program could not be started       | failed                    |
 * | exited without having run, or could not be started otherwise | rejected |
 * | on a host that was lost for good       | orphaned                  |
 */
export function stateOf(pod: Pod, host: Host | undefined): TaskStatus {
  const { phase, message } = pod.status;
  const { spec, status: container } = mainOf(pod);
  const made = pod.meta.createdAt;
  const say = (state: TaskState, at: string | undefined, words: string, error = ''): TaskStatus => ({
    state,
    at: at ?? made,
    message: words,
    error,
  });
  if (phase === 'created' && pod.spec.run.wanted === 'stopped') return say('shutdown', made, 'shutdown');
  if (phase === 'created') {
    if (pod.spec.host === undefined)
      return say('pending', made, 'pending task scheduling', message && `no suitable node (${message})`);
    // It is `created` again when its start failed.
    if (pod.status.serial > 0 && pod.status.serial >= pod.spec.run.serial) return notBegun(made);
    return say('assigned', made, 'scheduler assigned task to node');
  }
  if (phase === 'starting' || phase === 'restarting') return say('starting', made, 'starting');
  if (phase === 'exited' || phase === 'removing' || phase === 'dead') return ended();
  if (pod.spec.host !== undefined && !host) return say('orphaned', container?.startedAt, 'the node is gone');
  const waits = spec.health && (container?.health?.status ?? 'starting') === 'starting';
  if (waits && pod.spec.run.wanted === 'running') return say('starting', container?.startedAt, 'starting');
  return say('running', container?.startedAt, 'started');

  /** A program that can't be started is a failure; what it lacks before that has the task rejected. */
  function notBegun(at: string | undefined): TaskStatus {
    const why = container?.error || message;
    if (!programFailure.test(why)) return say('rejected', at, 'preparing', why);
    return say('failed', at, 'starting', `starting container failed: ${why}`);
  }

  function ended(): TaskStatus {
    const at = container?.finishedAt;
    const unhealthy = container?.health?.status === 'unhealthy';
    const { wanted, stoppedByUser } = pod.spec.run;
    const asked = wanted === 'stopped' && !stoppedByUser && !unhealthy;
    if (container?.startedAt === undefined) {
      if (wanted === 'stopped') return say('shutdown', at, 'shutdown');
      return notBegun(at);
    }
    if (asked) return say('shutdown', at, 'shutdown');
    const code = `task: non-zero exit (${container.exitCode})`;
    if (unhealthy) return say('failed', at, 'started', `${code}: dockerexec: unhealthy container`);
    if (container.exitCode === 0) return say('complete', at, 'finished');
    return say('failed', at, 'started', container.error || code);
  }
}

/** What is wanted of it; `done` are those that nothing more is wanted of. */
export function desiredStateOf(pod: Pod, state: TaskState, isJob: boolean): string {
  if (pod.meta.deletedAt !== undefined) return 'remove';
  const done = state === 'complete' || state === 'failed' || state === 'rejected' || state === 'shutdown';
  if (isJob && state === 'complete') return 'complete';
  if (done || pod.spec.run.wanted === 'stopped' || state === 'orphaned') return 'shutdown';
  return isJob ? 'complete' : 'running';
}
