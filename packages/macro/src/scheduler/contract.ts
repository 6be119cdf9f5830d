import type { Host, Pod, Volume } from '../model/index.ts';

/** What a plan may rest on. `Fleet` is the same, kept up to date. */
export interface Observed {
  readonly hosts: readonly Host[];
  /** Every pod, bound or not. */
  readonly pods: readonly Pod[];
  readonly volumes: readonly Volume[];
}

export interface Binding {
  readonly uid: string;
  /** The version that was planned for: a stale plan is refused when it is applied. */
  readonly revision: number;
  readonly host: string;
}

/** A pod of a weaker band that is to leave its host. */
export interface Eviction {
  readonly uid: string;
  readonly revision: number;
  readonly host: string;
  /** Who needs the room: the uid of a pod; undefined when the host has promised more than it has. */
  readonly by: string | undefined;
  /** In one sentence, for people. */
  readonly reason: string;
}

export type Rule =
  | 'ready'
  | 'cordoned'
  | 'drained'
  | 'constraint'
  | 'taint'
  | 'volume'
  | 'memory'
  | 'cpus'
  | 'port'
  | 'generic'
  | 'per-host'
  | 'near'
  | 'far'
  | 'spread';

/** A rule that keeps a pod from a host. */
export interface Misfit {
  readonly rule: Rule;
  readonly why: string;
}

/** Why a pod has no place, for now. */
export interface Refusal {
  readonly uid: string;
  /** What kept it from how many hosts, the first rule of each. */
  readonly reasons: readonly (Misfit & { readonly hosts: number })[];
  /** The host where room is being made for it. */
  readonly awaits?: string;
  /** In one sentence, for people. */
  readonly message: string;
}

/** Nothing is left to choose: who goes where, who leaves for it, and who waits. Every wanted pod is bound or refused. */
export interface Plan {
  readonly bindings: readonly Binding[];
  readonly evictions: readonly Eviction[];
  readonly refusals: readonly Refusal[];
}
