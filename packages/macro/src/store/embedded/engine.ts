import type { Entry } from '../contract.ts';

/**
 * What an embedded engine has to offer: a few ordered tables and an atomic, durable commit. Revisions,
 * transactions, watches, leases and compaction are written once above it.
 */
export interface Engine extends Reader {
  /** Applies all changes or none, and resolves once they are on disk. One at a time. */
  commit(changes: readonly Change[]): Promise<void>;
  close(): Promise<void>;
}

/** Reads of one synchronous stretch of code see one committed state. */
export interface Reader {
  get<T extends Table>(table: T, key: string): Tables[T] | undefined;
  range<T extends Table>(table: T, range: KeyRange): Iterable<readonly [string, Tables[T]]>;
}

/** In byte order. `after` is exclusive and wins over `from`; `before` is exclusive. */
export interface KeyRange {
  readonly from?: string;
  readonly after?: string;
  readonly before?: string;
}

export interface Tables {
  /** Key → place in the log of the record that holds its present entry. */
  index: string;
  /** Place (`placeOf`) → what happened there. */
  log: LogRecord;
  /** Lease id → its time to live. */
  leases: { readonly ttlMs: number };
  /** `<lease id> <key>` for each key that a lease holds. */
  leased: true;
  /** `revision`, `compactRevision`, and what the engine itself keeps. */
  meta: number;
}
export type Table = keyof Tables;

/** One change of one key. Without an entry it was deleted. */
export interface LogRecord {
  readonly key: string;
  readonly revision: number;
  readonly entry?: Entry;
  /** Place of the record that this one supersedes. */
  readonly prev?: string;
}

/** `value: undefined` deletes. */
export type Change = {
  [T in Table]: { readonly table: T; readonly key: string; readonly value: Tables[T] | undefined };
}[Table];

export const tableNames: readonly Table[] = ['index', 'log', 'leases', 'leased', 'meta'];

/**
 * Where a record stands in the log, ordered as text.
 *
 * | revision, operation | place              |
 * | ------------------- | ------------------ |
 * | 1, 0                | `0000000001.00000` |
 * | 36, 35              | `0000000010.0000z` |
 */
export function placeOf(revision: number, seq: number): string {
  return `${revision.toString(36).padStart(10, '0')}.${seq.toString(36).padStart(5, '0')}`;
}

/** The range of all keys that start with `prefix`. */
export function prefixRange(prefix: string, after?: string): KeyRange {
  const last = prefix.length - 1;
  const before =
    last < 0 ? undefined : prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
  return {
    ...(after !== undefined && after >= prefix ? { after } : { from: prefix }),
    ...(before === undefined ? {} : { before }),
  };
}
