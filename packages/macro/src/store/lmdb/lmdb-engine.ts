import { randomInt } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, statfsSync } from 'node:fs';
import { KraudError, messageOf } from '@kraud/base';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { Change, Engine, KeyRange, Table, Tables } from '../embedded/engine.ts';

const roomBytesMin = 256 * 1024;

type Dbs = { [T in Table]: Database<Tables[T], string> };

/**
 * Tables in LMDB. `overlappingSync` must stay off: only then is a commit on disk before it is acknowledged and
 * before any reader can see it. One process at a time: who opens it last owns it, and the one before is refused
 * from then on.
 */
export class LmdbEngine implements Engine {
  readonly #root: RootDatabase;
  readonly #dbs: Dbs;
  readonly #owner: number;

  constructor(path: string) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    refuseFullDisk(path);
    this.#root = open({
      path,
      overlappingSync: false,
      // Its promise of a failed commit is one that nobody gets hold of; we batch ourselves.
      eventTurnBatching: false,
      cache: false,
      maxDbs: 8,
      noSubdir: false,
    });
    this.#dbs = {
      index: this.#root.openDB({ name: 'index' }),
      log: this.#root.openDB({ name: 'log' }),
      leases: this.#root.openDB({ name: 'leases' }),
      leased: this.#root.openDB({ name: 'leased' }),
      meta: this.#root.openDB({ name: 'meta' }),
    };
    this.#owner = randomInt(2 ** 47);
    this.#dbs.meta.putSync('owner', this.#owner);
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
    if (this.#dbs.meta.get('owner') !== this.#owner) {
      throw new KraudError('conflict', 'another process has opened this store since');
    }
    try {
      await this.#root.batch(() => {
        let last: Promise<boolean> | undefined;
        for (const change of changes) {
          const promise = this.#apply(change.table, change.key, change.value);
          // The batch's own promise tells whether it worked. The changes of one batch share theirs.
          if (promise !== last) promise.catch(() => {});
          last = promise;
        }
      });
    } catch (error) {
      throw await toFault(error);
    }
    this.#root.resetReadTxn();
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  #apply<T extends Table>(table: T, key: string, value: Tables[T] | undefined): Promise<boolean> {
    const db: Database<Tables[T], string> = this.#dbs[table];
    return value === undefined ? db.remove(key) : db.put(key, value);
  }
}

/** A full disk changed nothing; after anything else only the disk knows. */
async function toFault(error: unknown): Promise<KraudError> {
  const cause = await causeOf(error);
  return /ENOSPC|No space left|MDB_MAP_FULL|EDQUOT|quota/.test(messageOf(cause))
    ? new KraudError('exhausted', 'the disk of the store is full', { cause })
    : new KraudError('unavailable', `the store could not write: ${messageOf(cause)}`, { cause });
}

/** LMDB's binding hands out the reason of a failed commit as a promise that rejects with it. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  try {
    return (await error.commitError) ?? error;
  } catch (reason) {
    return reason;
  }
}

/** LMDB maps its lock file: with no room for it the process would die of a signal instead of an error. */
function refuseFullDisk(path: string): void {
  const { bavail, bsize } = statfsSync(path);
  if (bavail * bsize < roomBytesMin) throw new KraudError('exhausted', `the disk of ${path} is full`);
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
