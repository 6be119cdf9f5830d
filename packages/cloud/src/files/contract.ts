import type { Config, Secret } from '@kraud/macro';
import type { Caller } from '../contract.ts';

export interface FileDraft {
  name: string;
  labels: Record<string, string>;
  /** The bytes, base64. */
  data: string;
  templated: boolean;
  given: Record<string, unknown>;
}

/** Use cases about secrets, and the same about configs. A `ref` is a name, a uid, its compact form, or the beginning of one. */
export interface Files<F extends Secret | Config> {
  create(caller: Caller, draft: FileDraft): Promise<F>;
  get(caller: Caller, ref: string): Promise<F>;
  list(caller: Caller): Promise<F[]>;
  /** Only labels can change, as with Docker. `conflict` when changed since `revision`. */
  update(caller: Caller, ref: string, labels: Record<string, string>, revision: number): Promise<F>;
  /** `conflict` while a workload uses it, which the message names. */
  remove(caller: Caller, ref: string): Promise<void>;
}
