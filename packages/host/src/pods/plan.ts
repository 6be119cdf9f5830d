import type { Pod } from '@kraud/macro';

/** What a pod's owner knows of the pod on this host. */
export interface Observed {
  /** What is going on; one thing at a time. */
  readonly busy:
    | undefined
    | 'prepare'
    | 'start'
    | 'act'
    | 'finish'
    | 'sleep'
    | 'wake'
    | 'remove'
    | 'toolbox-open'
    | 'toolbox-close';
  /** The present run, from its start on until it is finished. */
  readonly run: undefined | ObservedRun;
  /** The run is a file for now. */
  readonly asleep: undefined | ObservedSleeper;
  /** Somebody wants it to be one. */
  readonly drowsy: boolean;
  /** A VM that serves file calls of a pod that doesn't run. */
  readonly toolbox: undefined | { readonly users: number; readonly idle: boolean };
  /** File calls that wait for a VM. */
  readonly callers: number;
  /** Folder and disk are there. */
  readonly prepared: boolean;
  /** The daemon ends: `stop` takes the runs with it, `leave` begins nothing more. */
  readonly closing: undefined | 'stop' | 'leave';
}

export interface ObservedRun {
  readonly serial: number;
  readonly paused: boolean;
  /** Every container has ended, or the VM has. */
  readonly ended: boolean;
  readonly stop: 'none' | 'signalled' | 'overdue' | 'killed' | 'given-up';
  /** What the pod is called on its networks; undefined when it is on none. */
  readonly name: string | undefined;
  /** The status as it should be is in the store. */
  readonly reported: boolean;
}

export interface ObservedSleeper {
  readonly parked: boolean;
  readonly reported: boolean;
  /** Somebody waits for it. */
  readonly knocked: boolean;
  /** As a run's. */
  readonly name: string | undefined;
  /** What its guest has not written yet would be missed, as it has volumes, and it may still be woken. */
  readonly precious: boolean;
}

export type Action =
  | { readonly do: 'nothing' }
  | { readonly do: 'prepare' }
  | { readonly do: 'start'; readonly serial: number }
  /** The start that is going on isn't wanted any more. */
  | { readonly do: 'abort' }
  | { readonly do: 'report' }
  /** The pod has been given another name, by which its networks don't know it yet. */
  | { readonly do: 'rename' }
  | { readonly do: 'pause' }
  | { readonly do: 'resume' }
  | { readonly do: 'sleep' }
  | { readonly do: 'wake' }
  /** Nothing notices yet what is sent to it. */
  | { readonly do: 'park' }
  /** Nobody will miss the sleeper. */
  | { readonly do: 'discard' }
  | { readonly do: 'signal' }
  | { readonly do: 'kill' }
  /** The guest doesn't answer the kill: its VM is ended. */
  | { readonly do: 'kill-vm' }
  | { readonly do: 'finish' }
  /** Nothing runs, and the status must say so: it was lost, or stopped before it began. */
  | { readonly do: 'settle'; readonly because: 'lost' | 'overtaken' }
  | { readonly do: 'open-toolbox' }
  | { readonly do: 'serve' }
  | { readonly do: 'close-toolbox' }
  | { readonly do: 'remove' };

const nothing: Action = { do: 'nothing' };

/** A run is asked for that this host has not acted on. */
export function isStartWanted(pod: Pod): boolean {
  const { run } = pod.spec;
  return (
    pod.meta.deletedAt === undefined &&
    (run.wanted === 'running' || run.wanted === 'paused') &&
    run.serial > pod.status.serial
  );
}

/**
 * The next thing to do about a pod. Pure; the owner does it and asks again.
 *
 * ```
 *            start                       ended
 * idle ──────────────> starting ──> up ─────────> finishing ──> idle
 *  │ ^                    │         │ ^ pause, resume,           │
 *  │ └──────abort─────────┘         │ │ report, rename,          │
 *  │ toolbox <─> idle               └─┘ signal, kill             │
 *  │                             up <─> asleep: sleep, wake      │
 *  └────────────────── remove ──> gone <─────────────────────────┘
 * ```
 */
export function plan(pod: Pod, observed: Observed): Action {
  const { run, toolbox, busy } = observed;
  const deleted = pod.meta.deletedAt !== undefined;

  if (busy === 'start') {
    const wanted = !deleted && (pod.spec.run.wanted === 'running' || pod.spec.run.wanted === 'paused');
    return wanted && observed.closing === undefined ? nothing : { do: 'abort' };
  }
  if (busy === 'wake' && deleted && observed.asleep?.precious === false) return { do: 'abort' };
  if (busy !== undefined) return nothing;
  if (run) return planRun(pod, run, observed);
  if (observed.asleep) return planAsleep(pod, observed.asleep, observed);
  if (observed.closing === 'leave') return nothing;

  const starting = isStartWanted(pod) && observed.closing === undefined;
  if (toolbox) {
    if (deleted || observed.closing) return { do: 'close-toolbox' };
    if (!starting && observed.callers > 0) return { do: 'serve' };
    return toolbox.users === 0 && (starting || toolbox.idle) ? { do: 'close-toolbox' } : nothing;
  }
  if (deleted) return { do: 'remove' };
  if (observed.closing) return nothing;
  if (isUpInStore(pod)) return { do: 'settle', because: 'lost' };
  if (isOvertaken(pod)) return { do: 'settle', because: 'overtaken' };
  if (!observed.prepared) return { do: 'prepare' };
  if (starting) return { do: 'start', serial: pod.spec.run.serial };
  return observed.callers > 0 ? { do: 'open-toolbox' } : nothing;
}

function planRun(pod: Pod, run: ObservedRun, observed: Observed): Action {
  if (run.ended) return { do: 'finish' };
  if (run.stop === 'given-up') return { do: 'kill-vm' };
  if (observed.closing === 'leave') return run.reported ? nothing : { do: 'report' };
  if (pod.meta.deletedAt !== undefined) return run.stop === 'killed' ? nothing : { do: 'kill' };
  if (run.stop === 'overdue') return { do: 'kill' };
  if (!run.reported) return { do: 'report' };
  if (run.name !== undefined && run.name !== pod.meta.name) return { do: 'rename' };
  const { wanted } = pod.spec.run;
  if (wanted === 'stopped' || wanted === 'created' || observed.closing === 'stop') {
    if (run.stop === 'none') return { do: 'signal' };
    return observed.callers > 0 ? { do: 'serve' } : nothing;
  }
  if (observed.callers > 0) return { do: 'serve' };
  // A start that was asked for while the present run is being stopped waits for its end.
  if (run.stop !== 'none') return nothing;
  if (pod.spec.run.serial > pod.status.serial) return { do: 'report' };
  if (wanted === 'paused' && !run.paused) return { do: 'pause' };
  if (wanted === 'running' && run.paused) return { do: 'resume' };
  return observed.drowsy ? { do: 'sleep' } : nothing;
}

/** Whatever is to be done with its programs is done once they are awake. */
function planAsleep(pod: Pod, asleep: ObservedSleeper, observed: Observed): Action {
  if (observed.closing === 'leave') return asleep.reported ? nothing : { do: 'report' };
  if (pod.meta.deletedAt !== undefined) return { do: asleep.precious ? 'wake' : 'discard' };
  const { wanted, serial } = pod.spec.run;
  const renamed = asleep.name !== undefined && asleep.name !== pod.meta.name;
  const needed = asleep.knocked || observed.callers > 0 || wanted !== 'running' || renamed;
  if (needed || observed.closing === 'stop') return { do: 'wake' };
  if (!asleep.parked) return { do: 'park' };
  return asleep.reported && serial <= pod.status.serial ? nothing : { do: 'report' };
}

/** The store has it running, but nothing does. */
function isUpInStore(pod: Pod): boolean {
  const { phase } = pod.status;
  return phase === 'running' || phase === 'paused' || phase === 'stopping' || phase === 'starting';
}

/** Stopped before this host began the run that was asked for, or while it waited to be restarted. */
function isOvertaken(pod: Pod): boolean {
  const { run } = pod.spec;
  if (run.wanted !== 'stopped') return false;
  return run.serial > pod.status.serial || pod.status.phase === 'restarting';
}
