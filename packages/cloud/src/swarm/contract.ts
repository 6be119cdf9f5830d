import type { Caller } from '../contract.ts';

/** A tenant's swarm: a name for what the cloud can do anyway, which Docker's clients want to be told of first. */
export interface Swarm {
  uid: string;
  createdAt: string;
  updatedAt: string;
  /** Rises with each change. */
  version: number;
  /** How long hosts' certificates live. */
  certificateTtlMs?: number;
  /** The facade's own object, as it was given. */
  given: Record<string, unknown>;
}

/** What a swarm is to be like. */
export type SwarmWish = Pick<Swarm, 'given' | 'certificateTtlMs'>;

export interface Swarms {
  /** Undefined before `begin` and after `end`. */
  get(caller: Caller): Promise<Swarm | undefined>;
  /** `conflict` when there is one. */
  begin(caller: Caller, wish: SwarmWish): Promise<Swarm>;
  /** `conflict` when changed since `version`, or when there is none. */
  update(caller: Caller, wish: SwarmWish, version: number): Promise<Swarm>;
  /** Its workloads must be gone before: whoever ends a swarm says what becomes of them. */
  end(caller: Caller): Promise<void>;
}
