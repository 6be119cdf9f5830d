import type { Host, Pod, Workload, WorkloadRevision, WorkloadStatus } from '../model/index.ts';

/** All that a decision about a workload rests on. Nothing else may: same input, same plan. */
export interface WorkloadSeen {
  readonly workload: Workload;
  /** Its pods: those that it owns. */
  readonly pods: readonly Pod[];
  readonly hosts: readonly Host[];
  /** Milliseconds since 1970, by the controller's clock. */
  readonly nowMs: number;
  /** When the end of a pod's run was first seen, by uid and the same clock: the clocks of hosts may be wrong. */
  readonly endSeenMs: ReadonlyMap<string, number>;
  /** False while so many hosts are away that it is taken for a fault of our own: what is lost isn't replaced then. */
  readonly mayMove: boolean;
  /** Names of pods that somebody else has, of those that the workload would give. */
  readonly taken: ReadonlySet<string>;
}

/** A pod to make. Slot and attempt say which one it is: the same order twice makes one pod. */
export interface PodOrder {
  readonly slot: string;
  readonly attempt: number;
  readonly revision: WorkloadRevision;
  /** Of a global mode. */
  readonly host?: Host;
  /** When the slot's pods were started again, in milliseconds since 1970; kept on the pod for the next one to count. */
  readonly restarts: readonly number[];
}

/**
 * What is to be done, in this order: write the status, make pods, stop pods, remove pods. Doing a part of it, or all
 * of it twice, does no harm: the next plan goes on from there.
 */
export interface WorkloadPlan {
  readonly status: WorkloadStatus;
  /** Written together with the status: the spec goes back to this revision's. */
  readonly rollback?: WorkloadRevision;
  readonly create: readonly PodOrder[];
  readonly stop: readonly Pod[];
  readonly remove: readonly Pod[];
  /** Nothing is left to wait for: its finalizer may go. */
  readonly finished: boolean;
  /** Look again after this long even if nothing changes. */
  readonly againMs?: number;
}

/** The earlier of two times to wait. */
export function sooner(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
