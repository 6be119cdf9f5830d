import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { KraudError, messageOf } from '@kraud/base';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { Change, Engine, KeyRange, Table, Tables } from '../embedded/engine.ts';

type Dbs = { [T in Table]: Database<Tables[T], string> };

/**
 * Tables in LMDB. `overlappingSync` must stay off: only then is a commit on disk before it is acknowledged and
 * before any reader can see it.
 */
export class LmdbEngine implements Engine {
  readonly #root: RootDatabase;
  readonly #dbs: Dbs;

  constructor(path: string) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    this.#root = open({ path, overlappingSync: false, cache: false, maxDbs: 8, noSubdir: false });
    this.#dbs = {
      index: this.#root.openDB({ name: 'index' }),
      log: this.#root.openDB({ name: 'log' }),
      leases: this.#root.openDB({ name: 'leases' }),
      leased: this.#root.openDB({ name: 'leased' }),
      meta: this.#root.openDB({ name: 'meta' }),
    };
    syncDirectory(path);
  }

  get<T extends Table>(table: T, key: string): Tables[T] | undefined {
    const db: Database<Tables[T], string> = this.#dbs[table];
    return db.get(key);
  }

  *range<T extends Table>(table: T, range: KeyRange): Iterable<readonly [string, Tables[T]]> {
    const db: Database<Tables[T], string> = this.#dbs[table];
    const start = range.after ?? range.from ?? '';
    const rows = db.getRange({
      ...(start === '' ? {} : { start }),
      ...(range.after === undefined ? {} : { exclusiveStart: true }),
      ...(range.before === undefined ? {} : { end: range.before }),
    });
    for (const { key, value } of rows) yield [key, value];
  }

  async commit(changes: readonly Change[]): Promise<void> {
    try {
      await this.#root.batch(() => {
        for (const change of changes) this.#apply(change.table, change.key, change.value);
      });
    } catch (error) {
      throw toFault(error);
    }
    this.#root.resetReadTxn();
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  #apply<T extends Table>(table: T, key: string, value: Tables[T] | undefined): void {
    const db: Database<Tables[T], string> = this.#dbs[table];
    // The batch's own promise tells whether it worked.
    if (value === undefined) db.remove(key).catch(() => {});
    else db.put(key, value).catch(() => {});
  }
}

/** A full disk changed nothing; after anything else only the disk knows. */
function toFault(error: unknown): KraudError {
  const full = /ENOSPC|No space left|MDB_MAP_FULL|EDQUOT/.test(messageOf(error));
  return full
    ? new KraudError('exhausted', 'the disk of the store is full', { cause: error })
    : new KraudError('unavailable', `the store could not write: ${messageOf(error)}`, { cause: error });
}

/** Makes the files' names durable, not just their content. */
function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
