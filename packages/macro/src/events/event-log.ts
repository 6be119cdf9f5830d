import { type Clock, newId, type Random } from '@kraud/base';
import { decode, encode, validate } from '../model/encoding.ts';
import { defaultNamespace, type Event } from '../model/index.ts';
import { keyOf, prefixOf } from '../model/keys.ts';
import { CompactedError, type Op, type Store } from '../store/contract.ts';
import { WriteQueue } from './write-queue.ts';

/** What happened, before it has a time. */
export interface Happening {
  readonly type: string;
  readonly action: string;
  readonly actor: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** To whom. */
export interface Told {
  readonly tenant: string;
  readonly happening: Happening;
}

export interface EventRange {
  /** Also what happened from here on; absent = only what comes. */
  readonly sinceNs?: bigint;
  /** Ends once this is past. */
  readonly untilNs?: bigint;
}

const pageEvents = 500;
/** A timer takes no more than 24 days. */
const sleepMaxMs = 24 * 3600 * 1000;

interface Keyed {
  readonly key: string;
  readonly event: Event;
}

/**
 * Events as resources, in the order in which they were told: times never repeat and never go back within a process.
 * What is told gets its time at once and is written in its turn, one write at a time, so that the order of times is
 * the order of revisions, whatever the store does with two writes at once. They are durable and not kept in memory.
 */
export class EventLog {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #writes: WriteQueue;
  #lastNs = 0n;

  constructor(parts: { store: Store; clock: Clock; random: Random }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#writes = new WriteQueue(parts.store);
  }

  /** The time of the last event of this process. */
  get lastNs(): bigint {
    return this.#lastNs;
  }

  /** Makes every later event come after this time. */
  goOnAfter(timeNs: bigint): void {
    if (timeNs > this.#lastNs) this.#lastNs = timeNs;
  }

  /** Durable when it resolves. */
  async append(tenant: string, happening: Happening): Promise<void> {
    await this.#writes.put(this.#put({ tenant, happening }));
  }

  /** Gives them their times; `work` writes them when its turn has come, and what is told later waits for its end. */
  write<T>(told: readonly Told[], work: (puts: Op[]) => Promise<T>): Promise<T> {
    const puts = told.map((each) => this.#put(each));
    return this.#writes.run(() => work(puts));
  }

  #put({ tenant, happening }: Told): Op {
    const timeNs = this.#nextNs();
    const event: Event = {
      kind: 'Event',
      meta: {
        uid: newId(this.#random),
        tenant,
        namespace: defaultNamespace,
        name: `${nameAt(timeNs)}-${this.#random.bytes(3).toString('hex')}`,
        labels: {},
        annotations: {},
        generation: 1,
        finalizers: [],
        createdAt: new Date(Number(timeNs / 1_000_000n)).toISOString(),
      },
      spec: { ...happening, attributes: { ...happening.attributes }, timeNano: String(timeNs) },
      status: {},
      given: {},
    };
    validate('Event', event);
    return { op: 'put', key: keyOf('Event', event.meta), value: encode(event) };
  }

  /**
   * A tenant's events, oldest first, then as they happen, until the range or the signal ends it. With an end, none of
   * this process that has a time before it is missing, written or not.
   */
  async *stream(tenant: string, range: EventRange, signal: AbortSignal): AsyncGenerator<Event, void, void> {
    const prefix = `${prefixOf('Event', tenant)}${defaultNamespace}/`;
    const { sinceNs, untilNs } = range;
    const place = (timeNs: bigint): string => `${prefix}${nameAt(timeNs)}`;
    const start = place(this.#lastNs + 1n);
    let after = sinceNs === undefined ? undefined : place(sinceNs);
    if (untilNs === undefined || !this.#isPast(untilNs)) {
      for await (const { key, event } of this.#live(prefix, after, untilNs, signal)) {
        // Another host's clock may be ahead.
        if (untilNs !== undefined && BigInt(event.spec.timeNano) > untilNs) continue;
        if (after === undefined || key > after) after = key;
        yield event;
      }
    }
    if (untilNs === undefined || signal.aborted) return;
    await this.#writes.idle();
    const revision = await this.#store.revision();
    for await (const { event } of this.#recorded(prefix, after ?? start, revision)) {
      if (signal.aborted || BigInt(event.spec.timeNano) > untilNs) return;
      yield event;
    }
  }

  /** What there is after a key, then what comes, until the time or the signal ends it. */
  async *#live(
    prefix: string,
    place: string | undefined,
    untilNs: bigint | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Keyed, void, void> {
    const ended = new AbortController();
    const stop = AbortSignal.any([signal, ended.signal]);
    if (untilNs !== undefined) {
      this.#sleepPast(untilNs, stop).then(
        () => ended.abort(),
        () => {},
      );
    }
    let after = place;
    let from = await this.#store.revision();
    try {
      while (!stop.aborted) {
        try {
          for await (const keyed of this.#both(prefix, after, from, stop)) {
            after = keyed.key;
            yield keyed;
          }
          return;
        } catch (error) {
          if (!(error instanceof CompactedError)) throw error;
          // The reader lagged behind the history; the events themselves are still there.
          after ??= `${prefix}${nameAt(this.#nowNs())}`;
          from = await this.#store.revision();
        }
      }
    } finally {
      ended.abort();
    }
  }

  /** What is there after a key as of a revision, then what comes after that revision. */
  async *#both(
    prefix: string,
    after: string | undefined,
    revision: number,
    signal: AbortSignal,
  ): AsyncGenerator<Keyed, void, void> {
    if (after !== undefined) yield* this.#recorded(prefix, after, revision);
    for await (const batch of this.#store.watch(prefix, { fromRevision: revision + 1, signal })) {
      for (const change of batch.events) {
        if (change.type === 'delete') continue;
        yield { key: change.key, event: decode('Event', change.entry.value, change.entry.modRevision) };
      }
    }
  }

  async *#recorded(prefix: string, after: string, revision: number): AsyncGenerator<Keyed, void, void> {
    for (let last: string | undefined = after; last !== undefined; ) {
      const page = await this.#store.list(prefix, { after: last, limit: pageEvents, revision });
      for (const { key, value, modRevision } of page.entries) {
        yield { key, event: decode('Event', value, modRevision) };
      }
      last = page.more ? page.entries.at(-1)?.key : undefined;
    }
  }

  /** No event will have this time any more. */
  #isPast(timeNs: bigint): boolean {
    return timeNs < this.#nowNs();
  }

  async #sleepPast(timeNs: bigint, signal: AbortSignal): Promise<void> {
    while (!this.#isPast(timeNs)) {
      const leftMs = Number(timeNs / 1_000_000n) + 1 - this.#clock.now();
      await this.#clock.sleep(Math.min(Math.max(leftMs, 1), sleepMaxMs), signal);
    }
  }

  #nowNs(): bigint {
    return BigInt(Math.round(this.#clock.now() * 1000)) * 1000n;
  }

  #nextNs(): bigint {
    const nowNs = this.#nowNs();
    this.#lastNs = nowNs > this.#lastNs ? nowNs : this.#lastNs + 1n;
    return this.#lastNs;
  }
}

/** Names sort as times do: 20 digits hold every nanosecond until the year 5138. */
function nameAt(timeNs: bigint): string {
  return String(timeNs).padStart(20, '0');
}

/** When the event of this name happened, in milliseconds since 1970. */
export function timeOfName(name: string): number {
  return Number(BigInt(name.slice(0, 20)) / 1_000_000n);
}
