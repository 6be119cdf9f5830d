import type { Store, WatchBatch, WatchEvent } from '../contract.ts';

/** A fresh, empty store under test. Engines whose time can't be moved wait in `advance`. */
export interface World extends AsyncDisposable {
  readonly store: Store;
  advance(ms: number): Promise<void>;
}
export type OpenWorld = () => Promise<World>;

export async function put(store: Store, key: string, value: string): Promise<number> {
  return (await store.txn({ success: [{ op: 'put', key, value }] })).revision;
}

export async function remove(store: Store, key: string): Promise<number> {
  return (await store.txn({ success: [{ op: 'delete', key }] })).revision;
}

/** Reads a watch until `revision` is reached; every batch must be whole and in order. */
export async function watchUntil(
  store: Store,
  prefix: string,
  fromRevision: number,
  revision: number,
): Promise<WatchBatch[]> {
  const batches: WatchBatch[] = [];
  const stop = new AbortController();
  for await (const batch of store.watch(prefix, { fromRevision, signal: stop.signal, bookmarks: true })) {
    batches.push(batch);
    if (batch.revision >= revision) stop.abort();
  }
  return batches;
}

export function eventsOf(batches: readonly WatchBatch[]): WatchEvent[] {
  return batches.flatMap((batch) => batch.events);
}

/** `put /a=1@5` or `delete /a@6`, with what was there before: `put /a=2@6 was 1`. */
export function show(event: WatchEvent): string {
  const was = event.prev ? ` was ${event.prev.value}` : '';
  return event.type === 'put'
    ? `put ${event.key}=${event.entry.value}@${event.revision}${was}`
    : `delete ${event.key}@${event.revision}${was}`;
}
