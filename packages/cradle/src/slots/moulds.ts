import { type Clock, type Logger, messageOf } from '@kraud/base';
import type { SizeClass } from '../contract.ts';
import { className } from '../template/key.ts';
import type { Quiet } from './quiet.ts';
import type { Blank } from './slot-maker.ts';

export interface MouldsOptions<Mould extends Blank> {
  /** Of all classes together; 0: none is ever made. */
  readonly max: number;
  /** How long one that nobody uses is kept. */
  readonly keptMs: number;
  /** Of the class that is kept in any case. */
  readonly defaultSize: SizeClass;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly quiet: Quiet;
  readonly make: (size: SizeClass, signal: AbortSignal) => Promise<Mould>;
  readonly release: (mould: Mould) => Promise<void>;
}

/** One claim after the other is when a mould is needed most: from then on it is made beside them, with little weight. */
const patienceMs = 10_000;

interface Entry<Mould extends Blank> {
  readonly size: SizeClass;
  /** Settles once there is one, or won't be. */
  readonly made: PromiseWithResolvers<void>;
  readonly discarded: PromiseWithResolvers<void>;
  readonly stop: AbortController;
  over: Promise<void>;
  mould: Mould | undefined;
  usedAtMs: number;
}

/**
 * The moulds: at most one of each class, made once the class is in use, ended when it no longer is.
 *
 * ```
 * want ── making ─┬─▶ ready ── unused, displaced, dead, close ──▶ released
 *                 └─▶ failed ◀── discarded: not tried again for `keptMs`
 * ```
 */
export class Moulds<Mould extends Blank> {
  readonly #options: MouldsOptions<Mould>;
  readonly #entries = new Map<string, Entry<Mould>>();
  readonly #ending = new Set<Promise<void>>();
  #closed = false;

  constructor(options: MouldsOptions<Mould>) {
    this.#options = options;
  }

  /** The class' mould, if it is there. Otherwise one is begun, once no claim is under way. */
  ready(size: SizeClass): Mould | undefined {
    return this.#want(size)?.mould;
  }

  /** The class' mould, made if need be; undefined if it can't be. */
  async obtain(size: SizeClass): Promise<Mould | undefined> {
    const entry = this.#want(size);
    await entry?.made.promise;
    return entry?.mould;
  }

  /** Its forks are of no use. */
  discard(mould: Mould): void {
    for (const entry of this.#entries.values()) if (entry.mould === mould) entry.discarded.resolve();
  }

  list(): { size: SizeClass }[] {
    return [...this.#entries.values()].filter(({ mould }) => mould).map(({ size }) => ({ size }));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const [name, entry] of this.#entries) this.#end(name, entry);
    await Promise.all(this.#ending);
  }

  #want(size: SizeClass): Entry<Mould> | undefined {
    const { max, clock } = this.#options;
    const name = className(size);
    const usedAtMs = clock.monotonic();
    const known = this.#entries.get(name);
    if (known) known.usedAtMs = usedAtMs;
    if (known || this.#closed || max === 0) return known;
    if (this.#entries.size >= max && !this.#displaceOne()) return undefined;
    const entry: Entry<Mould> = {
      size,
      made: Promise.withResolvers(),
      discarded: Promise.withResolvers(),
      stop: new AbortController(),
      over: Promise.resolve(),
      mould: undefined,
      usedAtMs,
    };
    this.#entries.set(name, entry);
    entry.over = this.#live(name, entry);
    return entry;
  }

  /** The one that was not used for the longest time makes room; a class that is always in use has no other to give way to. */
  #displaceOne(): boolean {
    const others = [...this.#entries].filter(([name]) => name !== className(this.#options.defaultSize));
    const oldest = others.sort(([, a], [, b]) => a.usedAtMs - b.usedAtMs)[0];
    if (oldest) this.#end(...oldest);
    return oldest !== undefined;
  }

  #end(name: string, entry: Entry<Mould>): void {
    if (this.#entries.get(name) === entry) this.#entries.delete(name);
    entry.mould = undefined;
    entry.stop.abort();
    const { over } = entry;
    this.#ending.add(over);
    void over.finally(() => this.#ending.delete(over));
  }

  /** From its begin to its end. Never rejects. */
  async #live(name: string, entry: Entry<Mould>): Promise<void> {
    const { release, logger, clock, keptMs } = this.#options;
    const { signal } = entry.stop;
    const mould = await this.#make(name, entry);
    if (!signal.aborted) entry.mould = mould;
    entry.made.resolve();
    let failed = !mould;
    if (mould) {
      const discarded = entry.discarded.promise.then(() => {
        failed = true;
      });
      const over = new AbortController();
      const unused = this.#unused(name, entry, AbortSignal.any([signal, over.signal]));
      await Promise.race([unused, this.#died(name, mould, signal), discarded]);
      over.abort();
      entry.mould = undefined;
      await release(mould).catch((error: unknown) =>
        logger.warn({ class: name, error: messageOf(error) }, 'could not end a mould'),
      );
    }
    if (failed) await clock.sleep(keptMs, signal).catch(() => {});
    if (this.#entries.get(name) === entry) this.#entries.delete(name);
  }

  async #make(name: string, { size, stop: { signal } }: Entry<Mould>): Promise<Mould | undefined> {
    const { quiet, make, logger, clock } = this.#options;
    const waited = new AbortController();
    const waiting = AbortSignal.any([signal, waited.signal]);
    try {
      await Promise.race([quiet.settled(waiting), clock.sleep(patienceMs, waiting).catch(() => {})]);
      waited.abort();
      signal.throwIfAborted();
      return await make(size, signal);
    } catch (error) {
      if (!signal.aborted) logger.warn({ class: name, error: messageOf(error) }, 'could not make a mould');
      return undefined;
    }
  }

  async #died(name: string, mould: Mould, signal: AbortSignal): Promise<void> {
    const { detail } = await mould.machine.vmm.exited;
    if (!signal.aborted) this.#options.logger.warn({ class: name, detail }, 'a mould has ended');
  }

  /** Answers once nobody has used it for its time, or it is no longer wanted. */
  async #unused(name: string, entry: Entry<Mould>, signal: AbortSignal): Promise<void> {
    const { clock, keptMs, defaultSize } = this.#options;
    while (!signal.aborted) {
      const sinceMs = name === className(defaultSize) ? clock.monotonic() : entry.usedAtMs;
      const leftMs = sinceMs + keptMs - clock.monotonic();
      if (leftMs <= 0) return;
      await clock.sleep(leftMs, signal).catch(() => {});
    }
  }
}
