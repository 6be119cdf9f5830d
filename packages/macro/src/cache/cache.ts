import { type Clock, KraudError, type Logger, messageOf } from '@kraud/base';
import { decode } from '../model/encoding.ts';
import type { Kind, Kinds } from '../model/index.ts';
import { keyOf, mayBeNamed, prefixOf } from '../model/keys.ts';
import type { ResourceKey } from '../model/meta.ts';
import { CompactedError, type Entry, type Store, type WatchBatch } from '../store/contract.ts';
import { IndexedSet } from './indexed-set.ts';

/** One resource as it was and as it is. A rename is one change. Neither is undefined twice. */
export interface ResourceChange<K extends Kind> {
  readonly before: Kinds[K] | undefined;
  readonly after: Kinds[K] | undefined;
}

export type Listener<K extends Kind> = (changes: readonly ResourceChange<K>[], revision: number) => void;

export const cacheDefaults = {
  /** How long a broken watch waits before it is begun anew. */
  retryMs: 500,
};

/**
 * All resources of a kind in memory, fed by list and watch. It shows every revision of the store in order, each
 * whole, none twice; after a compaction it lists again and shows the difference, so that what was missed in
 * between is seen as one step. Reads are synchronous and answer frozen objects.
 */
export class Cache<K extends Kind> {
  readonly kind: K;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #set: IndexedSet<Kinds[K]>;
  readonly #listeners = new Set<Listener<K>>();
  readonly #stopping = new Set<() => void>();
  #waiters: { revision: number; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #revision = 0;
  #stopped = false;

  constructor(
    kind: K,
    parts: { store: Store; clock: Clock; logger: Logger },
    indexes: Readonly<Record<string, (resource: Kinds[K]) => readonly string[]>> = {},
  ) {
    this.kind = kind;
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#logger = parts.logger.child({ cache: kind });
    this.#set = new IndexedSet({ ...indexes, tenant: (resource) => [resource.meta.tenant] });
  }

  /** Every change up to and including this revision is in; 0 before the first list. */
  get revision(): number {
    return this.#revision;
  }

  get(key: ResourceKey): Kinds[K] | undefined {
    return mayBeNamed(this.kind, key) ? this.#set.get(keyOf(this.kind, key)) : undefined;
  }

  byUid(uid: string): Kinds[K] | undefined {
    return this.#set.byUid(uid);
  }

  /** The one whose uid starts so; `conflict` if several do. */
  byUidPrefix(tenant: string, prefix: string): Kinds[K] | undefined {
    const found = this.list(tenant).filter((resource) => resource.meta.uid.startsWith(prefix));
    if (found.length > 1)
      throw new KraudError('conflict', `several ${this.kind}s have an id that starts so: ${prefix}`);
    return found[0];
  }

  /** In no particular order. */
  list(tenant?: string): Kinds[K][] {
    return tenant === undefined ? this.#set.all() : this.#set.by('tenant', tenant);
  }

  /** What an index holds under a value, such as `by('host', 'alpha')`. */
  by(index: string, value: string): Kinds[K][] {
    return this.#set.by(index, value);
  }

  /** Calls `listener` with every change from now on, in the turn it is applied. Listeners enqueue; they decide nothing. */
  subscribe(listener: Listener<K>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves once the cache shows `revision`: whoever wrote it then reads its own write. */
  reached(revision: number, signal?: AbortSignal): Promise<void> {
    if (this.#revision >= revision && this.#revision > 0) return Promise.resolve();
    if (this.#stopped) return Promise.reject(stoppedError());
    return new Promise((resolve, reject) => {
      const aborted = (): void => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(signal?.reason);
      };
      const waiter = {
        revision,
        resolve: () => {
          signal?.removeEventListener('abort', aborted);
          resolve();
        },
        reject,
      };
      if (signal?.aborted) return reject(signal.reason);
      this.#waiters.push(waiter);
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  /** Resolves once the first list is in. */
  ready(signal?: AbortSignal): Promise<void> {
    return this.reached(1, signal);
  }

  /** Resolves with what `look` answers, asked now and after every change until it isn't undefined. */
  waitFor<T>(look: (cache: this) => T | undefined, signal?: AbortSignal): Promise<T> {
    return this.watchFor(() => look(this), signal);
  }

  /**
   * The same with the changes themselves: `look` is first called without any, before this returns. Rejects with
   * what it throws, with the signal's reason, or when the cache is stopped.
   */
  watchFor<T>(
    look: (changes: readonly ResourceChange<K>[] | undefined) => T | undefined,
    signal?: AbortSignal,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const aborted = (): void => done(() => reject(signal?.reason));
      const stopped = (): void => done(() => reject(stoppedError()));
      const done = (settle: () => void): void => {
        this.#listeners.delete(ask);
        this.#stopping.delete(stopped);
        signal?.removeEventListener('abort', aborted);
        settle();
      };
      const ask = (changes: readonly ResourceChange<K>[] | undefined): void => {
        try {
          const answer = look(changes);
          if (answer !== undefined) done(() => resolve(answer));
        } catch (error) {
          done(() => reject(error));
        }
      };
      if (signal?.aborted) return aborted();
      if (this.#stopped) return stopped();
      this.#listeners.add(ask);
      this.#stopping.add(stopped);
      signal?.addEventListener('abort', aborted);
      ask(undefined);
    });
  }

  /** Feeds the cache until the signal aborts. Run it once. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      for (let listed = false; !signal.aborted; ) {
        try {
          if (!listed) await this.#relist();
          listed = true;
          await this.#follow(signal);
        } catch (error) {
          if (signal.aborted) break;
          if (error instanceof CompactedError) {
            listed = false;
            continue;
          }
          this.#logger.warn({ error: messageOf(error) }, 'the watch broke; it is begun anew');
        }
        await this.#clock.sleep(cacheDefaults.retryMs, signal).catch(() => {});
      }
    } finally {
      this.#stopped = true;
      for (const waiter of this.#waiters.splice(0)) waiter.reject(stoppedError());
      for (const stopped of [...this.#stopping]) stopped();
    }
  }

  async #relist(): Promise<void> {
    const { entries, revision } = await this.#store.list(prefixOf(this.kind));
    const present = new Map(entries.map((entry) => [entry.key, entry]));
    const gone = this.#set.keys().filter((key) => !present.has(key));
    const news = entries.filter((entry) => this.#set.get(entry.key)?.meta.revision !== entry.modRevision);
    this.#apply(news, gone, revision);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const options = { fromRevision: this.#revision + 1, signal, bookmarks: true };
    for await (const batch of this.#store.watch(prefixOf(this.kind), options)) this.#take(batch);
  }

  /** Applies a batch revision by revision. */
  #take(batch: WatchBatch): void {
    let puts: Entry[] = [];
    let gone: string[] = [];
    let revision = 0;
    for (const event of batch.events) {
      if (event.revision !== revision && revision > 0) {
        this.#apply(puts, gone, revision);
        [puts, gone] = [[], []];
      }
      revision = event.revision;
      if (event.type === 'put') puts.push(event.entry);
      else gone.push(event.key);
    }
    this.#apply(puts, gone, batch.revision);
  }

  #apply(puts: readonly Entry[], gone: readonly string[], revision: number): void {
    const touched = new Map<string, Kinds[K] | undefined>();
    const touch = (resource: Kinds[K] | undefined): void => {
      if (resource && !touched.has(resource.meta.uid))
        touched.set(resource.meta.uid, this.#set.byUid(resource.meta.uid));
    };
    const fresh = puts.flatMap((entry) => this.#decode(entry) ?? []);
    for (const key of gone) touch(this.#set.get(key));
    for (const resource of fresh) {
      touch(this.#set.get(keyOf(this.kind, resource.meta)));
      touch(resource);
    }
    for (const key of gone) this.#set.delete(key);
    for (const resource of fresh) this.#set.set(keyOf(this.kind, resource.meta), resource);
    this.#revision = Math.max(this.#revision, revision);
    const changes = [...touched].map(([uid, before]) => ({ before, after: this.#set.byUid(uid) }));
    if (changes.length > 0) for (const listener of [...this.#listeners]) this.#tell(listener, changes);
    this.#settle();
  }

  #tell(listener: Listener<K>, changes: readonly ResourceChange<K>[]): void {
    try {
      listener(changes, this.#revision);
    } catch (error) {
      this.#logger.error({ error: messageOf(error) }, 'a listener failed');
    }
  }

  #settle(): void {
    const due = this.#waiters.filter((waiter) => waiter.revision <= this.#revision);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter.revision > this.#revision);
    for (const waiter of due) waiter.resolve();
  }

  /** One value that can't be read must not blind the cache to all others. */
  #decode(entry: Entry): Kinds[K] | undefined {
    try {
      return decode(this.kind, entry.value, entry.modRevision);
    } catch (error) {
      this.#logger.error({ key: entry.key, error: messageOf(error) }, 'an unreadable value is passed over');
      return undefined;
    }
  }
}

function stoppedError(): KraudError {
  return new KraudError('unavailable', 'the cache has been stopped');
}
