import { KraudError } from '@kraud/base';

/**
 * The state engine's store: ordered keys, one global revision, optimistic transactions and watches. Every
 * engine (memory, LMDB, etcd) keeps the same promises; `storeSuite` is what checks them.
 *
 * - **Revisions** are positive whole numbers that only grow, one for the whole store. A transaction that
 *   changes something takes exactly one new revision, however many keys it changes; one that changes nothing
 *   takes none.
 * - **Durable before acknowledged**: when `txn` resolves, its changes survive a kill or power cut at any
 *   instruction. Nobody, reader or watcher, sees a change that could still be lost.
 * - **Strict**: a read that starts after a `txn` resolved sees it.
 * - **History** is kept back to the compacted revision C: the state at C and every event after C can be read.
 *   What is older ends in a `CompactedError`.
 * - **Keys** are 1 to 1024 printable ASCII characters without spaces, in byte order. Values are strings (JSON
 *   by convention) of at most 1 MiB of UTF-8.
 *
 * A rejected `txn` with code `unavailable` or `timeout` has an unknown outcome: it may be applied, now or never.
 * Any other code means that nothing changed.
 */
export interface Store extends AsyncDisposable {
  get(key: string, options?: { revision?: number }): Promise<GetResult>;

  /** Entries whose key starts with `prefix`, in key order, all as of one revision. */
  list(prefix: string, options?: ListOptions): Promise<ListResult>;

  /** Evaluates `compare` and applies `success` if all hold, else `failure`; all or nothing, isolated from others. */
  txn(request: TxnRequest): Promise<TxnResult>;

  /**
   * Every change of keys under `prefix` from `fromRevision` on: ordered, no gaps, no repeats; the changes of one
   * revision are never split between two batches. Starts when iteration starts; lives until `signal` aborts or
   * the consumer leaves the loop (both end it without an error). A slow consumer costs no memory: it is served
   * from the history, and gets a `CompactedError` if that has been compacted past its place. A `fromRevision`
   * in the future waits for it.
   */
  watch(prefix: string, options: WatchOptions): AsyncIterable<WatchBatch>;

  /** A lease that lives for `ttlMs` (an engine may round it up) after being granted or last kept alive. */
  lease(ttlMs: number): Promise<Lease>;

  /** The present revision; what a `txn` resolved before the call wrote is not after it. */
  revision(): Promise<number>;

  /** Forgets history before `revision`. What is forgotten already is not an error; a future revision is. */
  compact(revision: number): Promise<void>;

  /** Ends watches without an error, waits for running transactions, and refuses what comes later. */
  close(): Promise<void>;
}

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** The revision that created the key, after its last delete. */
  readonly createRevision: number;
  /** The revision of the last put. */
  readonly modRevision: number;
  /** 1 for a new key, one more with each put; starts again at 1 after a delete. */
  readonly version: number;
  readonly lease?: string;
}

export interface GetResult {
  readonly entry?: Entry;
  /** The store's revision when this was read (also when an older one was asked for). */
  readonly revision: number;
}

export interface ListOptions {
  /** The state as of this revision instead of the present one. */
  readonly revision?: number;
  readonly limit?: number;
  /** Only keys after this one: the last key of the page before. */
  readonly after?: string;
}

export interface ListResult {
  readonly entries: readonly Entry[];
  /** The store's revision when this was read. Watching from `revision + 1` misses and repeats nothing. */
  readonly revision: number;
  /** True if `limit` cut the answer short. Ask on with `after` and the first page's `revision`. */
  readonly more: boolean;
}

/**
 * A condition on one key. A key that isn't there has modRevision, createRevision and version 0; a comparison
 * of its value never holds, not even `!=`.
 */
export type Compare =
  | { readonly key: string; readonly target: 'exists'; readonly is: boolean }
  | {
      readonly key: string;
      readonly target: 'modRevision' | 'createRevision' | 'version';
      readonly op: '=' | '!=' | '<' | '>';
      readonly to: number;
    }
  | { readonly key: string; readonly target: 'value'; readonly op: '=' | '!='; readonly to: string };

export type Op =
  | { readonly op: 'get'; readonly key: string }
  /** Without `lease` the key is detached from any lease it had. */
  | { readonly op: 'put'; readonly key: string; readonly value: string; readonly lease?: string }
  | { readonly op: 'delete'; readonly key: string }
  | { readonly op: 'deletePrefix'; readonly prefix: string };

/** At most `storeLimits.txnOpsMax` operations a branch; putting a key that the branch also puts or deletes is `invalid`. */
export interface TxnRequest {
  readonly compare?: readonly Compare[];
  readonly success: readonly Op[];
  readonly failure?: readonly Op[];
}

export type OpResponse =
  | { readonly op: 'get'; readonly entry?: Entry }
  | { readonly op: 'put'; readonly prev?: Entry }
  | { readonly op: 'delete' | 'deletePrefix'; readonly deleted: readonly Entry[] };

export interface TxnResult {
  /** Whether `compare` held. */
  readonly succeeded: boolean;
  /** The revision it took, or the store's present one if nothing changed. */
  readonly revision: number;
  /** One per operation of the branch taken, in order. */
  readonly responses: readonly OpResponse[];
}

export interface WatchOptions {
  readonly fromRevision: number;
  readonly signal?: AbortSignal;
  /**
   * Also send batches without events when the store moves on without touching `prefix`, so that the consumer
   * knows how far it is. They may be merged, and may come late, but not never.
   */
  readonly bookmarks?: boolean;
}

export interface WatchBatch {
  /** Every event under the prefix up to and including this revision has been delivered with this batch. */
  readonly revision: number;
  /** In order of revision, then of the operation in its transaction. */
  readonly events: readonly WatchEvent[];
}

export type WatchEvent =
  | {
      readonly type: 'put';
      readonly key: string;
      readonly revision: number;
      readonly entry: Entry;
      /** What the key held before; absent for a new key, or if compaction took it. */
      readonly prev?: Entry;
    }
  | {
      readonly type: 'delete';
      readonly key: string;
      readonly revision: number;
      /** What was deleted; absent only if compaction took it. */
      readonly prev?: Entry;
    };

/** Keys put with this lease's `id` are deleted, in one revision, when it expires or is revoked. */
export interface Lease {
  readonly id: string;
  readonly ttlMs: number;
  /** Starts the time to live anew. Rejects with `not-found` once the lease has ended. */
  keepAlive(): Promise<void>;
  /** Ends it now. No error if it has ended already. */
  revoke(): Promise<void>;
}

/** The history asked for is gone. List again, and watch from there. */
export class CompactedError extends KraudError {
  readonly compactRevision: number;

  constructor(compactRevision: number) {
    super('conflict', `revisions before ${compactRevision} have been compacted`);
    this.compactRevision = compactRevision;
  }
}

export const storeLimits = {
  keyBytesMax: 1024,
  valueBytesMax: 1024 * 1024,
  /** As in etcd's default. */
  txnOpsMax: 128,
} as const;
