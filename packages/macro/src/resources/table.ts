import type { Cache } from '../cache/cache.ts';
import type { Kind, Kinds } from '../model/index.ts';
import type { ResourceKey } from '../model/meta.ts';
import type { Compare } from '../store/contract.ts';
import type { Mutation, ResourceClient } from './client.ts';

/**
 * One kind: reads from a cache, writes to the store. A write resolves once the cache shows it, so a caller always
 * reads what it wrote.
 */
export class Table<K extends Kind> {
  readonly #client: ResourceClient<K>;
  readonly #cache: Cache<K>;

  constructor(client: ResourceClient<K>, cache: Cache<K>) {
    this.#client = client;
    this.#cache = cache;
  }

  get cache(): Cache<K> {
    return this.#cache;
  }

  get(key: ResourceKey): Kinds[K] | undefined {
    return this.#cache.get(key);
  }

  byUid(tenant: string, uid: string): Kinds[K] | undefined {
    const resource = this.#cache.byUid(uid);
    return resource?.meta.tenant === tenant ? resource : undefined;
  }

  list(tenant: string): Kinds[K][] {
    return this.#cache.list(tenant);
  }

  /** Of all tenants. */
  everywhere(): Kinds[K][] {
    return this.#cache.list();
  }

  /** Resolves once what is read is no older than this revision of the store. */
  async reached(revision: number): Promise<void> {
    await this.#cache.reached(revision);
  }

  /** `exists` when the name is taken. */
  create(resource: Kinds[K]): Promise<Kinds[K]> {
    return this.#shown(this.#client.create(resource));
  }

  /** `conflict` if it isn't based on the present revision. */
  update(resource: Kinds[K]): Promise<Kinds[K]> {
    return this.#shown(this.#client.update(resource));
  }

  /**
   * Applies `change` to the present value until it holds against other writers; it may throw to refuse, and
   * answers undefined to leave things as they are. `not-found` when the resource is gone. `also` must hold of the store
   * in the same step: `conflict` when it doesn't.
   */
  mutate(key: ResourceKey, change: Mutation<K>, also?: readonly Compare[]): Promise<Kinds[K]> {
    return this.#shown(this.#client.mutate(key, change, { guess: this.#cache.get(key), also }));
  }

  /** Asks for deletion: it goes at once, or when its finalizers are done. Gone already is fine. */
  async delete(key: ResourceKey, options: { uid?: string } = {}): Promise<void> {
    await this.#cache.reached(await this.#client.delete(key, options));
  }

  /** Gives the resource another name, in one step. `exists` when that is taken. */
  rename(key: ResourceKey, name: string): Promise<Kinds[K]> {
    return this.#shown(this.#client.rename(key, name));
  }

  /**
   * Looks at every version from the present one on, in order (undefined: it's gone), until `look` answers
   * something. The first look happens before this returns.
   */
  follow<T>(
    tenant: string,
    uid: string,
    look: (version: Kinds[K] | undefined) => T | undefined,
    signal?: AbortSignal,
  ): Promise<T> {
    return this.#cache.watchFor((changes) => {
      if (!changes) return look(this.byUid(tenant, uid));
      const mine = changes.find(({ before, after }) => (after ?? before)?.meta.uid === uid);
      return mine && (mine.after ?? mine.before)?.meta.tenant === tenant ? look(mine.after) : undefined;
    }, signal);
  }

  async #shown(written: Promise<Kinds[K]>): Promise<Kinds[K]> {
    const resource = await written;
    await this.#cache.reached(resource.meta.revision ?? 0);
    return resource;
  }
}
