import { isAtRest, type Pod } from '../model/index.ts';
import { wantsToRun } from '../scheduler/index.ts';

const annotation = 'kraud.dev/displaced';

/** Why a pod had to leave a host, and which run that ended. */
export interface Displacement {
  readonly reason: string;
  readonly host: string;
  readonly serial: number;
  readonly at: string;
}

/**
 * Makes a pod leave its host: for a stronger one, for a drain, for a taint. Its run is stopped; the pod is bound anew
 * once its host has let go of it, as `afterDisplacement` says. To be applied in a `mutate`; undefined when it doesn't
 * run, or leaves already.
 */
export function displace(pod: Pod, reason: string, nowMs: number): Pod | undefined {
  if (pod.spec.host === undefined || !wantsToRun(pod)) return undefined;
  const { serial } = pod.spec.run;
  noteDisplacement(pod, { reason, host: pod.spec.host, serial, at: new Date(nowMs).toISOString() });
  pod.spec.run = { wanted: 'stopped', serial, stoppedByUser: false };
  pod.status.message = reason;
  return pod;
}

/** Writes down why the pod is elsewhere, for whoever asks later. */
export function noteDisplacement(pod: Pod, displacement: Displacement): void {
  pod.meta.annotations[annotation] = JSON.stringify(displacement);
}

/** The last time that the pod was displaced. */
export function displacementOf(pod: Pod): Displacement | undefined {
  const text = pod.meta.annotations[annotation];
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isDisplacement(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Its present run was ended by a displacement, and nobody asked for another. */
export function isDisplaced(pod: Pod): boolean {
  return pod.spec.run.wanted === 'stopped' && displacementOf(pod)?.serial === pod.spec.run.serial;
}

/**
 * What becomes of a displaced pod once nothing of it runs: with a restart policy it is unbound and runs anew where
 * there is room; without, it stays as it is and says why. A workload's pod is its workload's to replace. Undefined
 * when there is nothing to do (yet).
 */
export function afterDisplacement(pod: Pod): Pod | undefined {
  const displacement = displacementOf(pod);
  if (!displacement || !isDisplaced(pod) || pod.meta.deletedAt !== undefined) return undefined;
  const { phase, serial } = pod.status;
  if (!isAtRest(phase) || phase === 'dead' || serial < pod.spec.run.serial) return undefined;
  if (pod.meta.owner?.kind === 'Workload' || pod.spec.restart.name === 'no') {
    if (pod.status.message === displacement.reason) return undefined;
    pod.status.message = displacement.reason;
    return pod;
  }
  delete pod.spec.host;
  pod.spec.run = {
    wanted: 'running',
    serial: Math.max(serial, pod.spec.run.serial) + 1,
    stoppedByUser: false,
  };
  pod.status.message = displacement.reason;
  return pod;
}

function isDisplacement(value: unknown): value is Displacement {
  return (
    typeof value === 'object' &&
    value !== null &&
    'reason' in value &&
    typeof value.reason === 'string' &&
    'host' in value &&
    typeof value.host === 'string' &&
    'serial' in value &&
    typeof value.serial === 'number' &&
    'at' in value &&
    typeof value.at === 'string'
  );
}
