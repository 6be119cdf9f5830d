import type { Pod, SlotRestart, UpdatePolicy, Workload, WorkloadMode } from '@kraud/macro';
import type { Caller, PodDraft } from '../contract.ts';

/** What a facade asks of a workload; `pod` goes through the same admission as a pod of its own. */
export interface WorkloadDraft {
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  given: Record<string, unknown>;
  mode: WorkloadMode;
  pod: Omit<PodDraft, 'name' | 'restart' | 'autoRemove'>;
  templated: boolean;
  update: UpdatePolicy;
  rollback: UpdatePolicy;
  restart: SlotRestart;
  force: number;
  revisionsKept?: number;
  endedKept?: number;
}

/** Use cases about workloads. A `ref` is a name, a full uid, or a prefix of one. */
export interface Workloads {
  /** The image is resolved now: every pod of a revision runs the same one. */
  create(caller: Caller, draft: WorkloadDraft): Promise<{ workload: Workload; warnings: string[] }>;
  get(caller: Caller, ref: string): Promise<Workload>;
  list(caller: Caller): Promise<Workload[]>;
  /** Its pods, ended ones that are kept too. */
  pods(caller: Caller, ref: string): Promise<Pod[]>;
  /** Replaces what is wanted. `conflict` when changed since `revision`. */
  update(
    caller: Caller,
    ref: string,
    draft: WorkloadDraft,
    revision: number,
  ): Promise<{ workload: Workload; warnings: string[] }>;
  /** To the revision before. `conflict` when there is none, or when changed since `revision`. */
  rollback(
    caller: Caller,
    ref: string,
    revision: number,
  ): Promise<{ workload: Workload; warnings: string[] }>;
  /** Its pods go, too. */
  remove(caller: Caller, ref: string): Promise<void>;
}
