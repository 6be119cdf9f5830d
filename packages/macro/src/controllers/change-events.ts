import { type Clock, type Logger, messageOf } from '@kraud/base';
import type { EventLog, Happening } from '../events/event-log.ts';
import { decode, type Kind, type Kinds } from '../model/index.ts';
import { prefixOf } from '../model/keys.ts';
import { CompactedError, type Entry, type Op, type Store, type WatchEvent } from '../store/contract.ts';

/** The cursor is written at least this often, so that compaction can go on while nothing happens. */
const cursorLagMax = 1000;
const opsMax = 100;
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
    const { entry, revision } = await this.#store.get(this.#of.cursor);
    const [through = '', lastNs = '0'] = entry?.value.split(' ') ?? [];
    this.#cursor = { revision: entry ? Number(through) : revision, entry };
    // Whoever was here before may have had a clock that was ahead of ours.
    this.#log.goOnAfter(BigInt(lastNs));
    if (!entry) await this.#commit([], revision);
  }

  async #skipTo(revision: number): Promise<void> {
    this.#logger.error({ revision }, 'events were lost: the history was compacted before they were recorded');
    await this.#commit([], revision);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const options = { fromRevision: this.#cursor.revision + 1, signal, bookmarks: true };
    for await (const batch of this.#store.watch(prefixOf(this.#of.kind), options)) {
      let ops: Op[] = [];
      for (const [revision, events] of byRevision(batch.events)) {
        ops.push(...this.#ops(events));
        if (ops.length < opsMax) continue;
        await this.#commit(ops, revision);
        ops = [];
      }
      const lag = batch.revision - this.#cursor.revision;
      if (ops.length > 0 || lag >= cursorLagMax) await this.#commit(ops, batch.revision);
    }
  }

  #ops(events: readonly WatchEvent[]): Op[] {
    return this.#pairs(events).flatMap(({ before, after }) => {
      const resource = after ?? before;
      if (!resource) return [];
      const { tenant } = resource.meta;
      return this.#of.happenings(before, after).map((happening) => this.#log.op(tenant, happening));
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
  async #commit(ops: readonly Op[], through: number): Promise<void> {
    const value = `${through} ${this.#log.lastNs}`;
    const { entry } = this.#cursor;
    const { cursor } = this.#of;
    const result = await this.#store.txn({
      compare: [{ key: cursor, target: 'modRevision', op: '=', to: entry?.modRevision ?? 0 }],
      success: [...ops, { op: 'put', key: cursor, value }, { op: 'get', key: cursor }],
    });
    if (!result.succeeded) throw new Error('another recorder is at work');
    const last = result.responses.at(-1);
    this.#cursor = { revision: through, entry: last?.op === 'get' ? last.entry : undefined };
  }
}

function* byRevision(events: readonly WatchEvent[]): Iterable<[number, WatchEvent[]]> {
  const groups = Map.groupBy(events, (event) => event.revision);
  yield* groups;
}
