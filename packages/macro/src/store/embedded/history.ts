import { KraudError, must } from '@kraud/base';
import { CompactedError, type Entry, type WatchEvent } from '../contract.ts';
import { type Change, type LogRecord, placeOf, prefixRange, type Reader } from './engine.ts';

/** The store's present revision; a fresh one is at 1, as etcd is. */
export function presentRevision(reader: Reader): number {
  return reader.get('meta', 'revision') ?? 1;
}

export function compactRevision(reader: Reader): number {
  return reader.get('meta', 'compactRevision') ?? 0;
}

/** Entries under a prefix as of `revision`, in key order. */
export function* entriesAt(
  reader: Reader,
  prefix: string,
  revision: number,
  after?: string,
): Iterable<Entry> {
  const range = prefixRange(prefix, after);
  const then = entriesSince(reader, revision, (key) => key.startsWith(prefix) && key > (after ?? ''));
  const gone = [...then].filter(([key]) => reader.get('index', key) === undefined).map(([key]) => key);
  gone.sort((a, b) => (a < b ? -1 : 1));
  let next = 0;
  const goneBefore = function* (key: string | undefined): Iterable<Entry> {
    for (let name = gone[next]; name !== undefined && (key === undefined || name < key); name = gone[next]) {
      next += 1;
      const entry = then.get(name);
      if (entry) yield entry;
    }
  };
  for (const [key, place] of reader.range('index', range)) {
    yield* goneBefore(key);
    const entry = then.has(key) ? then.get(key) : recordAt(reader, place).entry;
    if (entry) yield entry;
  }
  yield* goneBefore(undefined);
}

export function entryAt(reader: Reader, key: string, revision: number): Entry | undefined {
  const then = entriesSince(reader, revision, (other) => other === key);
  if (then.has(key)) return then.get(key);
  const place = reader.get('index', key);
  return place === undefined ? undefined : recordAt(reader, place).entry;
}

/** What each key that changed after `revision` held at it; undefined if it didn't exist. */
function entriesSince(
  reader: Reader,
  revision: number,
  wanted: (key: string) => boolean,
): Map<string, Entry | undefined> {
  const then = new Map<string, Entry | undefined>();
  if (revision === presentRevision(reader)) return then;
  for (const [, record] of reader.range('log', { from: placeOf(revision + 1, 0) })) {
    if (!wanted(record.key) || then.has(record.key)) continue;
    then.set(record.key, record.prev === undefined ? undefined : recordAt(reader, record.prev).entry);
  }
  return then;
}

function recordAt(reader: Reader, place: string): LogRecord {
  return must(reader.get('log', place), `the log has nothing at ${place}`);
}

/** Refuses a revision whose state can't be read: forgotten, or not there yet. */
export function checkReadable(reader: Reader, revision: number): void {
  const compacted = compactRevision(reader);
  if (revision < compacted) throw new CompactedError(compacted);
  const present = presentRevision(reader);
  if (revision > present) {
    throw new KraudError('invalid', `revision ${revision} is in the future; the present one is ${present}`);
  }
}

/** About `eventsMax` events from revision `from` on, never part of a revision; `through` is the last one read. */
export function eventsFrom(
  reader: Reader,
  from: number,
  eventsMax: number,
): { events: WatchEvent[]; through: number } {
  const events: WatchEvent[] = [];
  let through = from - 1;
  for (const [, record] of reader.range('log', { from: placeOf(from, 0) })) {
    if (record.revision !== through && events.length >= eventsMax) return { events, through };
    through = record.revision;
    events.push(toEvent(reader, record));
  }
  return { events, through: presentRevision(reader) };
}

function toEvent(reader: Reader, record: LogRecord): WatchEvent {
  const prev = record.prev === undefined ? undefined : reader.get('log', record.prev)?.entry;
  const common = { key: record.key, revision: record.revision, ...(prev ? { prev } : {}) };
  return record.entry ? { type: 'put', ...common, entry: record.entry } : { type: 'delete', ...common };
}

/**
 * The changes that forget history before `through`, looking at no more than `recordsMax` log records, and how
 * far they go. A record is forgotten once its successor is not after that, and a delete once it is not after that.
 */
export function forget(
  reader: Reader,
  through: number,
  recordsMax: number,
): { changes: Change[]; through: number } {
  const changes: Change[] = [];
  let last = compactRevision(reader);
  let seen = 0;
  const range = { from: placeOf(last + 1, 0), before: placeOf(through + 1, 0) };
  for (const [place, record] of reader.range('log', range)) {
    if (seen >= recordsMax && record.revision !== last) {
      changes.push({ table: 'meta', key: 'compactRevision', value: last });
      return { changes, through: last };
    }
    seen += 1;
    last = record.revision;
    if (record.prev !== undefined) changes.push({ table: 'log', key: record.prev, value: undefined });
    if (!record.entry) changes.push({ table: 'log', key: place, value: undefined });
  }
  changes.push({ table: 'meta', key: 'compactRevision', value: through });
  return { changes, through };
}
