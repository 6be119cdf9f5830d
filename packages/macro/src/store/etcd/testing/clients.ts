import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, codeOf, SeededRandom, systemClock } from '@kraud/base';
import type { Store } from '../../contract.ts';
import type { Operation } from './history.ts';

const keys = ['/k/a', '/k/b', '/k/c'];

/** Clients that write and read a few keys, and remember what they did and were told. */
export class Clients {
  readonly ops: Operation[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[];

  constructor(stores: readonly Store[], perStore: number, seed: number) {
    this.#running = stores.flatMap((store, i) =>
      Array.from({ length: perStore }, (_, n) => this.#client(store, `${i}.${n}`, seed * 100 + i * 10 + n)),
    );
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  async #client(store: Store, name: string, seed: number): Promise<void> {
    const random = new SeededRandom(seed);
    for (let i = 0; !this.#stop.signal.aborted; i += 1) {
      const key = keys[random.below(keys.length)] ?? '/k/a';
      const value = `${name}.${i}`;
      const startMs = systemClock.monotonic();
      const kind = random.below(4);
      if (kind === 0) await this.#read(store, key, startMs);
      else if (kind === 1) await this.#write(store, key, value, undefined, startMs);
      else await this.#compareAndSet(store, key, value);
      await delay(2 + random.below(8));
    }
  }

  async #read(store: Store, key: string, startMs: number): Promise<number | undefined> {
    try {
      const { entry, revision } = await store.get(key);
      const endMs = systemClock.monotonic();
      this.ops.push({ kind: 'read', key, startMs, endMs, value: entry?.value, revision });
      return entry?.modRevision ?? 0;
    } catch (error) {
      unlessUnknown(error);
      return undefined;
    }
  }

  async #compareAndSet(store: Store, key: string, value: string): Promise<void> {
    const expected = await this.#read(store, key, systemClock.monotonic());
    if (expected !== undefined) await this.#write(store, key, value, expected, systemClock.monotonic());
  }

  async #write(
    store: Store,
    key: string,
    value: string,
    expected: number | undefined,
    startMs: number,
  ): Promise<void> {
    const write = {
      kind: 'write',
      key,
      value,
      startMs,
      ...(expected === undefined ? {} : { expected }),
    } as const;
    try {
      const { succeeded, revision } = await store.txn({
        compare: expected === undefined ? [] : [{ key, target: 'modRevision', op: '=', to: expected }],
        success: [{ op: 'put', key, value }],
      });
      const endMs = systemClock.monotonic();
      this.ops.push({ ...write, endMs, outcome: succeeded ? 'done' : 'refused', revision });
    } catch (error) {
      unlessUnknown(error);
      this.ops.push({ ...write, endMs: systemClock.monotonic(), outcome: 'unknown' });
    }
  }
}

/** Only these may be seen while members fail. */
function unlessUnknown(error: unknown): void {
  const code = codeOf(error);
  if (code !== 'unavailable' && code !== 'timeout') throw error;
}

/** A wall clock that is set forth and back; what has passed it measures rightly. */
export function jumpyClock(seed: number): Clock {
  const random = new SeededRandom(seed);
  return { ...systemClock, now: () => Date.now() + (random.below(7_200_000) - 3_600_000) };
}
