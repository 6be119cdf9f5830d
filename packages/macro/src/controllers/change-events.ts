import { type Clock, type Logger, messageOf } from '@kraud/base';
import type { EventLog, Happening, Told } from '../events/event-log.ts';
import { decode, type Kind, type Kinds } from '../model/index.ts';
import { prefixOf } from '../model/keys.ts';
import { CompactedError, type Entry, type Op, type Store, type WatchEvent } from '../store/contract.ts';

/** The cursor is written at least this often, so that compaction can go on while nothing happens. */
const cursorLagMax = 1000;
const opsMax = 100;
/** Events that wait to be written; what comes meanwhile is left in the store's history. */
const waitingMax = 1000;
const retryMs = 500;

/** One kind of resource, and what its changes mean. */
export interface Recorded<K extends Kind> {
  readonly kind: K;
  /** Key that holds the revision up to which all is recorded, and the time of the last event. */
  readonly cursor: string;
  /** In the order it happened. */
  readonly happenings: (before: Kinds[K] | undefined, after: Kinds[K] | undefined) => Happening[];
}

interface Change<K extends Kind> {
  before: Kinds[K] | undefined;
  after: Kinds[K] | undefined;
}

/**
 * Records what resources of a kind do by themselves, from the changes of their status. The events and how far it got
 * are written in one transaction, so that a kill at any point neither loses nor repeats one. What users ask for is
 * recorded by who serves them.
 */
export class ChangeEvents<K extends Kind> {
  readonly #of: Recorded<K>;
  readonly #store: Store;
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #cursor: { revision: number; entry: Entry | undefined } = { revision: 0, entry: undefined };

  constructor(of: Recorded<K>, parts: { store: Store; log: EventLog; clock: Clock; logger: Logger }) {
    this.#of = of;
    this.#store = parts.store;
    this.#log = parts.log;
    this.#clock = parts.clock;
    this.#logger = parts.logger.child({ controller: of.cursor.replace('/cursor/', '') });
  }

  /** History after this is still needed; 0 until it is known. */
  get neededAfter(): number {
    return this.#cursor.revision;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#loadCursor();
        await this.#follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof CompactedError) await this.#skipTo(error.compactRevision);
        else this.#logger.warn({ error: messageOf(error) }, 'events are held up');
        await this.#clock.sleep(retryMs, signal).catch(() => {});
      }
    }
  }

  async #loadCursor(): Promise<void> {
    const { entry } = await this.#store.get(this.#of.cursor);
    // Without a cursor nothing has been recorded yet: whoever was first may have died before it wrote one.
    const [through = '', lastNs = '0'] = entry?.value.split(' ') ?? ['0'];
    this.#cursor = { revision: Number(through), entry };
    // Whoever was here before may have had a clock that was ahead of ours.
    this.#log.goOnAfter(BigInt(lastNs));
  }

  async #skipTo(revision: number): Promise<void> {
    if (this.#cursor.entry)
      this.#logger.error(
        { revision },
        'events were lost: the history was compacted before they were recorded',
      );
    await this.#commit([], revision);
  }

  /** Goes on reading while it writes: what is told has the time at which it came, not the one of its turn. */
  async #follow(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const writes = new Writes(() => stop.abort());
    const options = {
      fromRevision: this.#cursor.revision + 1,
      signal: AbortSignal.any([signal, stop.signal]),
      bookmarks: true,
    };
    let through = this.#cursor.revision;
    const write = (told: readonly Told[], revision: number): void => {
      through = revision;
      writes.add(told.length, () => this.#commit(told, revision, writes));
    };
    try {
      for await (const batch of this.#store.watch(prefixOf(this.#of.kind), options)) {
        let told: Told[] = [];
        for (const [revision, events] of byRevision(batch.events)) {
          told.push(...this.#told(events));
          if (told.length < opsMax) continue;
          write(told, revision);
          told = [];
        }
        if (told.length > 0 || batch.revision - through >= cursorLagMax) write(told, batch.revision);
        if (writes.waiting > waitingMax) await writes.done();
      }
    } catch (error) {
      writes.fail(error);
    }
    await writes.done();
  }

  #told(events: readonly WatchEvent[]): Told[] {
    return this.#pairs(events).flatMap(({ before, after }) => {
      const resource = after ?? before;
      if (!resource) return [];
      const { tenant } = resource.meta;
      return this.#of.happenings(before, after).map((happening) => ({ tenant, happening }));
    });
  }

  /** What each was and is across one revision; a rename, which is a delete and a put, is one pair. */
  #pairs(events: readonly WatchEvent[]): Change<K>[] {
    const byUid = new Map<string, Change<K>>();
    for (const event of events) {
      const before = event.prev && this.#read(event.prev);
      const after = event.type === 'put' ? this.#read(event.entry) : undefined;
      if (before) byUid.set(before.meta.uid, { after: byUid.get(before.meta.uid)?.after, before });
      if (after) byUid.set(after.meta.uid, { before: byUid.get(after.meta.uid)?.before, after });
    }
    return [...byUid.values()];
  }

  #read(entry: Entry): Kinds[K] | undefined {
    try {
      return decode(this.#of.kind, entry.value, entry.modRevision);
    } catch {
      // The cache reports what can't be read; there is nothing to tell about it here.
      return undefined;
    }
  }

  /** Fails if another recorder moved the cursor: then that one has recorded these. */
  #commit(told: readonly Told[], through: number, writes = new Writes()): Promise<void> {
    const { cursor } = this.#of;
    const write = async (puts: readonly Op[]): Promise<void> => {
      const { entry } = this.#cursor;
      const value = `${through} ${this.#log.lastNs}`;
      const result = await this.#store.txn({
        compare: [{ key: cursor, target: 'modRevision', op: '=', to: entry?.modRevision ?? 0 }],
        success: [...puts, { op: 'put', key: cursor, value }, { op: 'get', key: cursor }],
      });
      if (!result.succeeded) throw new Error('another recorder is at work');
      const last = result.responses.at(-1);
      this.#cursor = { revision: through, entry: last?.op === 'get' ? last.entry : undefined };
    };
    return this.#log.write(told, (puts) => writes.turn(() => write(puts)));
  }
}

/** Writes of which each builds on the one before: after one that failed none is done. */
class Writes {
  readonly #ended: () => void;
  #last: Promise<unknown> = Promise.resolve();
  #failure: { error: unknown } | undefined;
  waiting = 0;

  constructor(ended: () => void = () => {}) {
    this.#ended = ended;
  }

  add(events: number, write: () => Promise<void>): void {
    this.waiting += events;
    const written = write().finally(() => {
      this.waiting -= events;
    });
    this.#last = written.catch(() => {});
  }

  async turn(work: () => Promise<void>): Promise<void> {
    if (this.#failure) throw this.#failure.error;
    try {
      await work();
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#ended();
  }

  /** Resolves once none is under way; rejects with what one has failed with. */
  async done(): Promise<void> {
    await this.#last;
    if (this.#failure) throw this.#failure.error;
  }
}

function* byRevision(events: readonly WatchEvent[]): Iterable<[number, WatchEvent[]]> {
  const groups = Map.groupBy(events, (event) => event.revision);
  yield* groups;
}
