import type { PodPhase } from './pod.ts';

/**
 * Where a pod may go from each phase: the drawing at `PodPhase` as data. A writer that skips a phase which nobody
 * could have seen (a program that ended before its start was written) takes the short cut listed here.
 */
const next: { readonly [From in PodPhase]: readonly PodPhase[] } = {
  created: ['starting', 'running', 'exited', 'removing'],
  /** Back to `created` when the program could not be started at all. */
  starting: ['running', 'created', 'stopping', 'exited', 'removing'],
  running: ['paused', 'stopping', 'exited', 'restarting', 'removing'],
  paused: ['running', 'stopping', 'exited', 'restarting', 'removing'],
  /** Back to `running` when its signal did not end it before the daemon forgot the stop. */
  stopping: ['exited', 'running', 'restarting', 'removing'],
  restarting: ['starting', 'running', 'exited', 'removing'],
  exited: ['starting', 'running', 'restarting', 'removing'],
  removing: ['dead'],
  dead: ['removing'],
};

/** Whether a pod in phase `from` may be written with phase `to`. Staying is always allowed. */
export function mayBecome(from: PodPhase, to: PodPhase): boolean {
  return from === to || next[from].includes(to);
}

/** A program of the pod runs, or is about to end. */
export function isUp(phase: PodPhase): boolean {
  return phase === 'running' || phase === 'paused' || phase === 'stopping';
}

/** Nothing of the pod runs, and nothing will unless somebody asks. */
export function isAtRest(phase: PodPhase): boolean {
  return phase === 'created' || phase === 'exited' || phase === 'dead';
}

export const podPhases = Object.keys(next) as readonly PodPhase[];
