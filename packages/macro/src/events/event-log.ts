import { type Clock, newId, type Random } from '@kraud/base';
import { decode, encode, validate } from '../model/encoding.ts';
import { defaultNamespace, type Event } from '../model/index.ts';
import { keyOf, prefixOf } from '../model/keys.ts';
import { CompactedError, type Op, type Store } from '../store/contract.ts';

/** What happened, before it has a time. */
export interface Happening {
  readonly type: string;
  readonly action: string;
  readonly actor: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface EventRange {
  /** Also what happened from here on; absent = only what comes. */
  readonly sinceNs?: bigint;
  /** Ends once this is past. */
  readonly untilNs?: bigint;
}

const pageEvents = 500;

/**
 * Events as resources, in the order in which they were recorded: times never repeat and never go back within a
 * process. They are durable and not kept in memory.
 */
export class EventLog {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: Random;
  #lastNs = 0n;

  constructor(parts: { store: Store; clock: Clock; random: Random }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#random = parts.random;
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
    await this.#store.txn({ success: [this.op(tenant, happening)] });
  }

  /** The operation that records it, for a transaction that does more. */
  op(tenant: string, happening: Happening): Op {
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

  /** A tenant's events, oldest first, then as they happen, until the range or the signal ends it. */
  async *stream(tenant: string, range: EventRange, signal: AbortSignal): AsyncGenerator<Event, void, void> {
    const prefix = `${prefixOf('Event', tenant)}${defaultNamespace}/`;
    const ended = new AbortController();
    const stop = AbortSignal.any([signal, ended.signal]);
    this.#endAt(range.untilNs, ended, signal);
    let after = range.sinceNs === undefined ? undefined : `${prefix}${nameAt(range.sinceNs)}`;
    let from = await this.#store.revision();
    try {
      while (!signal.aborted) {
        try {
          for await (const { key, event } of this.#both(prefix, after, from, stop)) {
            if (range.untilNs !== undefined && BigInt(event.spec.timeNano) > range.untilNs) return;
            after = key;
            yield event;
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
  ): AsyncGenerator<{ key: string; event: Event }, void, void> {
    for (let last = after; last !== undefined; ) {
      const page = await this.#store.list(prefix, { after: last, limit: pageEvents, revision });
      for (const { key, value, modRevision } of page.entries) {
        yield { key, event: decode('Event', value, modRevision) };
      }
      last = page.more ? page.entries.at(-1)?.key : undefined;
    }
    for await (const batch of this.#store.watch(prefix, { fromRevision: revision + 1, signal })) {
      for (const change of batch.events) {
        if (change.type === 'delete') continue;
        yield { key: change.key, event: decode('Event', change.entry.value, change.entry.modRevision) };
      }
    }
  }

  #endAt(untilNs: bigint | undefined, ended: AbortController, signal: AbortSignal): void {
    if (untilNs === undefined) return;
    const waitMs = Math.max(0, Number(untilNs / 1_000_000n) - this.#clock.now());
    this.#clock.sleep(waitMs, AbortSignal.any([signal, ended.signal])).then(
      () => ended.abort(),
      () => {},
    );
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
