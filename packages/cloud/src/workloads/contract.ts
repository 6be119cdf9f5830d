import type { RegistryAuth } from '@kraud/host';
import type { Endpoint, Pod, SlotRestart, UpdatePolicy, Workload, WorkloadMode } from '@kraud/macro';
import type { Caller, PodDraft } from '../contract.ts';

/** What a facade asks of a workload; `pod` goes through the same admission as a pod of its own. */
export interface WorkloadDraft {
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  given: Record<string, unknown>;
  mode: WorkloadMode;
  /** Ports in ingress mode with `hostPort` 0 get a free one. A hostname of '' is each pod's own. */
  pod: Omit<PodDraft, 'name' | 'restart' | 'autoRemove'>;
  /** How its pods are reached together, where they have names; absent: not at all. */
  endpoint?: Endpoint;
  templated: boolean;
  update: UpdatePolicy;
  rollback: UpdatePolicy;
  restart: SlotRestart;
  force: number;
  revisionsKept?: number;
  endedKept?: number;
}

/** An image that isn't here is pulled, as `auth` allows. */
export interface ImageWish {
  auth?: RegistryAuth;
  signal: AbortSignal;
}

/**
 * Use cases about workloads. A `ref` is a name, a full uid, or a prefix of one. A `version` is what `versionOf` said of
 * the workload that the change is based on.
 */
export interface Workloads {
  /** A name that no workload of the caller's has, for who gives none. */
  freeName(caller: Caller): Promise<string>;
  /**
   * The image is resolved now: every pod of a revision runs the same one. One that can't be had is warned of; pods can't
   * start before it can.
   */
  create(
    caller: Caller,
    draft: WorkloadDraft,
    image: ImageWish,
  ): Promise<{ workload: Workload; warnings: string[] }>;
  get(caller: Caller, ref: string): Promise<Workload>;
  list(caller: Caller): Promise<Workload[]>;
  /** Its pods, ended ones that are kept too. */
  pods(caller: Caller, ref: string): Promise<Pod[]>;
  /**
   * Replaces what is wanted. `conflict` when changed since `version`. An image of the same name stays the one it was,
   * unless `force` is raised.
   */
  update(
    caller: Caller,
    ref: string,
    draft: WorkloadDraft,
    version: number,
    image: ImageWish,
  ): Promise<{ workload: Workload; warnings: string[] }>;
  /** To what was wanted before. `conflict` when there is nothing before, or when changed since `version`. */
  rollback(caller: Caller, ref: string, version: number): Promise<Workload>;
  /** Looks again for an image that could not be had; true once there is nothing to look for any more. */
  findImage(workload: Workload, signal: AbortSignal): Promise<boolean>;
  /** Its pods go, too: none is left when it resolves. The signal only ends the wait. */
  remove(caller: Caller, ref: string, signal?: AbortSignal): Promise<void>;
}
