import type { Pod } from '../model/index.ts';

/** As Docker's: the first restart waits 100 ms, each further one twice as long, up to a minute. */
export const restartDefaults = {
  firstMs: 100,
  maxMs: 60_000,
  /** A run that lasted so long starts the waiting anew. */
  goodRunMs: 10_000,
};
export type RestartLimits = typeof restartDefaults;

/**
 * What the restart policy does next.
 * - `wait`: the run has ended and another is due at `dueAtMs`; write down that it is.
 * - `start`: at `dueAtMs`, ask for the run.
 * - `settle`: it was to be restarted and isn't any more; it has exited for good.
 * - `forget`: the user started it; the count begins anew.
 */
export type RestartStep =
  | { readonly step: 'none' }
  | { readonly step: 'wait'; readonly delayMs: number; readonly dueAtMs: number; readonly count: number }
  | { readonly step: 'start'; readonly dueAtMs: number; readonly serial: number }
  | { readonly step: 'settle' }
  | { readonly step: 'forget' };

const none: RestartStep = { step: 'none' };

/** Pure: the same pod, the same step. Applying a step twice changes nothing more. */
export function restartStep(pod: Pod, limits: RestartLimits = restartDefaults): RestartStep {
  const { run } = pod.spec;
  const { phase, serial, restart } = pod.status;
  const deleted = pod.meta.deletedAt !== undefined;
  if (phase === 'restarting') {
    if (deleted || run.serial > serial) return none;
    const exitCode = lastRun(pod)?.exitCode ?? 0;
    if (!restart || !wantsRestart(pod, exitCode, pod.status.restartCount - 1)) return { step: 'settle' };
    return {
      step: 'start',
      dueAtMs: Date.parse(restart.dueAt),
      serial: Math.max(restart.serial, serial + 1),
    };
  }
  if (deleted) return none;
  // What the policy asked for leaves the phase at `restarting`; any other start is the user's.
  if (run.serial > serial && restart && (phase === 'exited' || restart.serial !== run.serial)) {
    return { step: 'forget' };
  }
  if (phase !== 'exited' || run.serial !== serial) return none;
  const last = lastRun(pod);
  // The runs that the policy asked for in a row; a run that the user asked for is the first of a new row.
  const inRow = restart?.serial === serial;
  const count = inRow ? pod.status.restartCount : 0;
  if (!last || !wantsRestart(pod, last.exitCode, count)) return none;
  const good = last.durationMs >= limits.goodRunMs;
  const delayMs = inRow && !good ? Math.min(limits.maxMs, restart.delayMs * 2) : limits.firstMs;
  return { step: 'wait', delayMs, dueAtMs: last.finishedAtMs + delayMs, count: count + 1 };
}

/** Applies a step to a pod; undefined if there is nothing to write. The time is the caller's to wait for. */
export function applyRestart(pod: Pod, step: RestartStep): Pod | undefined {
  switch (step.step) {
    case 'none':
      return undefined;
    case 'wait':
      pod.status.phase = 'restarting';
      pod.status.restartCount = step.count;
      pod.status.restart = {
        serial: pod.status.serial + 1,
        delayMs: step.delayMs,
        dueAt: new Date(step.dueAtMs).toISOString(),
      };
      return pod;
    case 'start':
      pod.spec.run = { wanted: 'running', serial: step.serial, stoppedByUser: false };
      return pod;
    case 'settle':
      pod.status.phase = 'exited';
      delete pod.status.restart;
      return pod;
    case 'forget':
      pod.status.restartCount = 0;
      delete pod.status.restart;
      return pod;
  }
}

/**
 * A container that the user stopped stays so while the daemon lives; `always` comes back when it starts anew, and
 * `unless-stopped` doesn't.
 */
export function startsWithDaemon(pod: Pod): boolean {
  const { phase, serial } = pod.status;
  return (
    pod.spec.restart.name === 'always' &&
    pod.spec.run.stoppedByUser &&
    phase === 'exited' &&
    serial > 0 &&
    pod.meta.deletedAt === undefined
  );
}

function wantsRestart(pod: Pod, exitCode: number, count: number): boolean {
  const { run, restart } = pod.spec;
  if (run.wanted !== 'running' || run.stoppedByUser) return false;
  switch (restart.name) {
    case 'no':
      return false;
    case 'always':
    case 'unless-stopped':
      return true;
    case 'on-failure':
      return exitCode !== 0 && (restart.retriesMax === 0 || count < restart.retriesMax);
  }
}

/** The pod's run as a whole: from its first start to its last end; it failed if any container did. */
function lastRun(pod: Pod): { exitCode: number; finishedAtMs: number; durationMs: number } | undefined {
  const { containers } = pod.status;
  const finished = containers.map((container) => Date.parse(container.finishedAt ?? ''));
  const started = containers.map((container) => Date.parse(container.startedAt ?? ''));
  if (containers.length === 0 || [...finished, ...started].some(Number.isNaN)) return undefined;
  const finishedAtMs = Math.max(...finished);
  return {
    exitCode: containers.find((container) => container.exitCode !== 0)?.exitCode ?? 0,
    finishedAtMs,
    durationMs: finishedAtMs - Math.min(...started),
  };
}
