import type { Kind, Kinds, ResourceKey } from '@kraud/macro';

/**
 * One kind as the use cases see it: reads come from a cache that has caught up with the caller's own writes,
 * writes go to the store.
 */
export interface Table<K extends Kind> {
  get(key: ResourceKey): Kinds[K] | undefined;
  byUid(tenant: string, uid: string): Kinds[K] | undefined;
  list(tenant: string): Kinds[K][];
  /** Resolves once what is read is no older than this revision of the store. */
  reached(revision: number): Promise<void>;
  /** Of all tenants: for what they share unknowingly, such as layers. Nothing of it may reach a caller. */
  everywhere(): Kinds[K][];
  /** `exists` when the name is taken. */
  create(resource: Kinds[K]): Promise<Kinds[K]>;
  /**
   * Applies `change` to the present value until it holds against other writers; it may throw to refuse, and answers
   * undefined to leave things as they are. `not-found` when the resource is gone.
   */
  mutate(key: ResourceKey, change: (present: Kinds[K]) => Kinds[K] | undefined): Promise<Kinds[K]>;
  /** Asks for deletion: it goes at once, or when its finalizers are done. Gone already is fine. */
  delete(key: ResourceKey): Promise<void>;
  /** Gives the resource another name, in one step. `exists` when that is taken. */
  rename(key: ResourceKey, name: string): Promise<Kinds[K]>;
  /**
   * Looks at every version from the present one on, in order (undefined: it's gone), until `look` answers something.
   * The first look happens before this returns.
   */
  follow<T>(
    tenant: string,
    uid: string,
    look: (version: Kinds[K] | undefined) => T | undefined,
    signal?: AbortSignal,
  ): Promise<T>;
}
