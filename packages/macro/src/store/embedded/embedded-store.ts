import { type Clock, KraudError, type Random, systemClock, systemRandom } from '@kraud/base';
import type {
  GetResult,
  Lease,
  ListOptions,
  ListResult,
  Store,
  TxnRequest,
  TxnResult,
  WatchBatch,
  WatchOptions,
} from '../contract.ts';
import { checkKey, checkPrefix, checkRevision, checkTxn } from '../validate.ts';
import { Batch } from './batch.ts';
import type { Engine } from './engine.ts';
import { checkReadable, compactRevision, entriesAt, entryAt, forget, presentRevision } from './history.ts';
import { Leases } from './leases.ts';
import { Watches } from './watches.ts';

export const embeddedDefaults = {
  /** Transactions that share one commit. */
  batchJobsMax: 1000,
  /** What watchers who keep up are served from. */
  recentEventsMax: 4096,
  recentCharsMax: 2 * 1024 * 1024,
  /** Events that a lagging watcher gets at a time. */
  watchPageEvents: 256,
  /** Log records that one step of a compaction looks at, so that it doesn't hold others up. */
  compactStepRecords: 250,
};

export interface EmbeddedOptions {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly limits?: Partial<typeof embeddedDefaults>;
}

interface Job {
  run(batch: Batch): void;
  done(): void;
  failed(error: unknown): void;
}

/**
 * The store's promises over an embedded engine. There is one writer: it takes all waiting jobs, evaluates them
 * in order on top of the committed state, commits them together, tells the watchers, and acknowledges them.
 * Meanwhile the next ones gather. Readers see only what is committed.
 */
export class EmbeddedStore implements Store {
  readonly #engine: Engine;
  readonly #limits: typeof embeddedDefaults;
  readonly #watches: Watches;
  readonly #leases: Leases;
  #jobs: Job[] = [];
  #writer: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(engine: Engine, options: EmbeddedOptions = {}) {
    this.#engine = engine;
    this.#limits = { ...embeddedDefaults, ...options.limits };
    this.#watches = new Watches(engine, {
      recentEventsMax: this.#limits.recentEventsMax,
      recentCharsMax: this.#limits.recentCharsMax,
      pageEvents: this.#limits.watchPageEvents,
    });
    this.#leases = new Leases({
      clock: options.clock ?? systemClock,
      random: options.random ?? systemRandom,
      writer: {
        grant: (id, ttlMs) => this.#write((batch) => batch.grant(id, ttlMs)),
        revoke: (id) => this.#write((batch) => batch.revoke(id)),
      },
    });
    for (const [id, { ttlMs }] of engine.range('leases', {})) this.#leases.adopt(id, ttlMs);
  }

  async get(key: string, options: { revision?: number } = {}): Promise<GetResult> {
    checkKey(key);
    this.#checkOpen();
    const revision = presentRevision(this.#engine);
    const at = options.revision ?? revision;
    checkRevision(at, 1);
    checkReadable(this.#engine, at);
    const entry = entryAt(this.#engine, key, at);
    return { revision, ...(entry ? { entry } : {}) };
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    checkPrefix(prefix);
    this.#checkOpen();
    const revision = presentRevision(this.#engine);
    const at = options.revision ?? revision;
    checkRevision(at, 1);
    checkReadable(this.#engine, at);
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    const entries = [];
    for (const entry of entriesAt(this.#engine, prefix, at, options.after)) {
      if (entries.length >= limit) return { entries, revision, more: true };
      entries.push(entry);
    }
    return { entries, revision, more: false };
  }

  async txn(request: TxnRequest): Promise<TxnResult> {
    checkTxn(request);
    return this.#write((batch) => batch.txn(request));
  }

  watch(prefix: string, options: WatchOptions): AsyncIterable<WatchBatch> {
    checkPrefix(prefix);
    checkRevision(options.fromRevision, 1);
    this.#checkOpen();
    return this.#watches.watch(prefix, options);
  }

  async lease(ttlMs: number): Promise<Lease> {
    return this.#leases.grant(ttlMs);
  }

  async revision(): Promise<number> {
    this.#checkOpen();
    return presentRevision(this.#engine);
  }

  async compact(revision: number): Promise<void> {
    checkRevision(revision, 1);
    for (let through = 0; through < revision; ) {
      through = await this.#write((batch) => {
        const compacted = compactRevision(batch.view);
        if (compacted >= revision) return revision;
        checkReadable(batch.view, revision);
        const step = forget(batch.view, revision, this.#limits.compactStepRecords);
        for (const change of step.changes) {
          if (change.value === undefined) batch.view.delete(change.table, change.key);
        }
        batch.view.put('meta', 'compactRevision', step.through);
        return step.through;
      });
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#leases.close();
    this.#watches.close();
    await this.#writer;
    await this.#engine.close();
  }

  #checkOpen(): void {
    if (this.#closing) throw new KraudError('unavailable', 'the store is closed');
  }

  #write<T>(work: (batch: Batch) => T): Promise<T> {
    this.#checkOpen();
    return new Promise<T>((resolve, reject) => {
      let result: { value: T };
      this.#jobs.push({
        run: (batch) => {
          result = { value: work(batch) };
        },
        done: () => resolve(result.value),
        failed: reject,
      });
      this.#writer ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    // Whatever is asked for in the same turn shares the first commit.
    await Promise.resolve();
    while (this.#jobs.length > 0) await this.#commit(this.#jobs.splice(0, this.#limits.batchJobsMax));
    this.#writer = undefined;
  }

  async #commit(jobs: readonly Job[]): Promise<void> {
    const batch = new Batch(this.#engine);
    const ran = jobs.filter((job) => {
      try {
        job.run(batch);
        return true;
      } catch (error) {
        job.failed(error);
        return false;
      }
    });
    const changes = batch.view.changes();
    try {
      if (changes.length > 0) await this.#engine.commit(changes);
    } catch (error) {
      for (const job of ran) job.failed(error);
      return;
    }
    this.#watches.publish(batch.commits, compactRevision(batch.view));
    for (const job of ran) job.done();
  }
}
