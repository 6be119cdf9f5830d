import type { Network } from '@kraud/macro';
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
  /** Where its networks get their subnets from, if not from the hosts' pool; stays as long as the swarm does. */
  pool?: SubnetPool;
  /** The facade's own object, as it was given. */
  given: Record<string, unknown>;
}

/** Blocks of addresses that are cut into subnets of one size. */
export interface SubnetPool {
  /** `10.20.0.0/16` */
  blocks: string[];
  /** Of each subnet: 24 for 256 addresses. */
  prefix: number;
}

/** What a swarm is to be like. */
export type SwarmWish = Pick<Swarm, 'given' | 'certificateTtlMs'>;

export interface Swarms {
  /** Undefined before `begin` and after `end`. */
  get(caller: Caller): Promise<Swarm | undefined>;
  /** `conflict` when there is one; `invalid` for a pool that none can be. */
  begin(caller: Caller, wish: SwarmWish, pool?: SubnetPool): Promise<Swarm>;
  /** `conflict` when changed since `version`, or when there is none. */
  update(caller: Caller, wish: SwarmWish, version: number): Promise<Swarm>;
  /**
   * Its workloads must be gone before: whoever ends a swarm says what becomes of them. Secrets and configs go with it, and
   * so do those of these networks that nobody is on.
   */
  end(caller: Caller, networks: readonly Network[]): Promise<void>;
}
