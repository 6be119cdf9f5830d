import { KraudError } from '@kraud/base';
import type { Entry, Op, Store } from './contract.ts';

/** Where a store says that it is not, or no longer, the cloud's state. */
const noteKey = '/migration';
const pageEntries = 500;
/** Room for what etcd adds to a request; by default it takes none above 1.5 MiB. */
const txnBytesMax = 1024 * 1024;
const txnOpsMax = 100;

interface Note {
  /** `incomplete`: a copy that has not come to its end. `moved`: everything has been copied to `to`. */
  readonly state: 'incomplete' | 'moved';
  readonly to: string;
}

/** Refuses a store that a migration has left half done, or has emptied of its meaning. */
export async function checkStoreIsWhole(store: Store): Promise<void> {
  const note = await noteOf(store);
  if (note?.state === 'incomplete') {
    throw new KraudError('conflict', 'the store holds half of a migration; migrate again, which begins anew');
  }
  if (note) {
    throw new KraudError('conflict', `the store was moved to ${note.to}; use that, or migrate back from it`);
  }
}

/**
 * Copies all keys and values to a store that holds no cloud. Revisions and versions begin anew; what belongs to leases
 * is left behind. Until the last step `from` is not written and `to` says that it is incomplete; then `from` says where
 * everything is now. Nobody else may write to either meanwhile. Answers the number of keys.
 */
export async function migrateStore(
  from: Store,
  to: Store,
  options: {
    /** What people know `to` by. */
    readonly toName: string;
    /** Whether what a lease holds with this value is of a process that is known to be dead. */
    readonly isDead: (value: string) => boolean;
    readonly progress?: (keys: number) => void;
  },
): Promise<number> {
  await checkStoreIsWhole(from);
  const { revision } = await from.list('', { limit: 1 });
  await refuseLeases(from, revision, options.isDead);
  await makeRoom(to);
  await to.txn({ success: [note({ state: 'incomplete', to: options.toName })] });
  let keys = 0;
  for await (const page of pages(from, revision)) {
    const kept = page.filter((entry) => entry.lease === undefined);
    for (const ops of batches(kept)) await to.txn({ success: ops });
    keys += kept.length;
    options.progress?.(keys);
  }
  await to.txn({ success: [{ op: 'delete', key: noteKey }] });
  await from.txn({ success: [note({ state: 'moved', to: options.toName })] });
  return keys;
}

function note(content: Note): Op {
  return { op: 'put', key: noteKey, value: JSON.stringify(content) };
}

async function noteOf(store: Store): Promise<Note | undefined> {
  const { entry } = await store.get(noteKey);
  return entry && (JSON.parse(entry.value) as Note);
}

/** A lease that lives is a daemon that runs. */
async function refuseLeases(
  from: Store,
  revision: number,
  isDead: (value: string) => boolean,
): Promise<void> {
  for await (const page of pages(from, revision)) {
    const held = page.find((entry) => entry.lease !== undefined && !isDead(entry.value));
    if (!held) continue;
    throw new KraudError(
      'conflict',
      `a daemon still uses the store to migrate from (${held.key}); end all of them, or wait until its lease ends`,
    );
  }
}

/** What a migration has left unfinished, or has moved elsewhere, counts for nothing; anything else is a cloud. */
async function makeRoom(to: Store): Promise<void> {
  const { entries, revision } = await to.list('', { limit: 1 });
  if (entries.length === 0) return;
  if ((await noteOf(to)) === undefined) {
    throw new KraudError('conflict', 'the store to migrate to is not empty');
  }
  for await (const page of pages(to, revision)) {
    const old = page.filter(({ key }) => key !== noteKey);
    for (let i = 0; i < old.length; i += txnOpsMax) {
      await to.txn({ success: old.slice(i, i + txnOpsMax).map(({ key }) => ({ op: 'delete', key })) });
    }
  }
}

async function* pages(store: Store, revision: number): AsyncGenerator<readonly Entry[], void, void> {
  for (let after: string | undefined; ; ) {
    const page = await store.list('', {
      revision,
      limit: pageEntries,
      ...(after === undefined ? {} : { after }),
    });
    yield page.entries;
    after = page.entries.at(-1)?.key;
    if (!page.more || after === undefined) return;
  }
}

/** Puts, in as few transactions as every engine takes. */
function* batches(entries: readonly Entry[]): Generator<Op[], void, void> {
  let ops: Op[] = [];
  let bytes = 0;
  for (const { key, value } of entries) {
    const size = key.length + Buffer.byteLength(value);
    if (ops.length > 0 && (ops.length === txnOpsMax || bytes + size > txnBytesMax)) {
      yield ops;
      ops = [];
      bytes = 0;
    }
    ops.push({ op: 'put', key, value });
    bytes += size;
  }
  if (ops.length > 0) yield ops;
}
