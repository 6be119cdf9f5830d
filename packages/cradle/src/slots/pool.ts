import { type Clock, type Logger, messageOf } from '@kraud/base';
import type { SizeClass } from '../contract.ts';
import { className } from '../template/key.ts';
import { type Claim, warmTargets } from './demand.ts';
import type { Quiet } from './quiet.ts';
import type { Slot } from './slot-maker.ts';

export interface PoolOptions {
  readonly warmMax: number;
  readonly windowMs: number;
  readonly defaultSize: SizeClass;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly quiet: Quiet;
  /** Makes one warm slot. */
  readonly make: (size: SizeClass, signal: AbortSignal) => Promise<Slot>;
  /** Ends one that is no longer wanted. */
  readonly release: (slot: Slot) => Promise<void>;
}

const herdMs = 2_000;
const claimsMax = 1_000;
/** After a slot could not be made; also how soon a class out of fashion is noticed. */
const pauseMs = 15_000;
/**
 * The warm slots. They belong to nobody until they are taken, once. One loop makes them, one at a time, and only
 * while no claim is under way: whoever waits has the machine for himself.
 */
export class SlotPool {
  readonly #options: PoolOptions;
  readonly #slots = new Map<string, Slot[]>();
  readonly #sizes = new Map<string, SizeClass>();
  readonly #claims: Claim[] = [];
  readonly #stop = new AbortController();
  #wake: () => void = () => {};
  #loop: Promise<void> | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#sizes.set(className(options.defaultSize), options.defaultSize);
  }

  run(): void {
    if (this.#options.warmMax > 0) this.#loop ??= this.#refill();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#loop;
    const left = [...this.#slots.values()].flatMap((slots) => slots.splice(0));
    await Promise.all(left.map((slot) => this.#options.release(slot)));
  }

  count(): { size: SizeClass; count: number }[] {
    return [...this.#sizes].map(([name, size]) => ({ size, count: this.#slots.get(name)?.length ?? 0 }));
  }

  has(size: SizeClass): boolean {
    return (this.#slots.get(className(size))?.length ?? 0) > 0;
  }

  /** Notes the demand and gives a warm slot of this class, if there is one; nobody else gets the same. */
  take(size: SizeClass): Slot | undefined {
    const name = className(size);
    this.#sizes.set(name, size);
    this.#claims.push({ atMs: this.#options.clock.monotonic(), className: name });
    if (this.#claims.length > claimsMax) this.#claims.shift();
    this.#wake();
    return this.#slots.get(name)?.pop();
  }

  async #refill(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#options.quiet.settled(this.#stop.signal);
      const size = this.#missing();
      await this.#dropSurplus();
      if (!size) {
        await this.#pause();
        continue;
      }
      try {
        this.#admit(size, await this.#options.make(size, this.#stop.signal));
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#options.logger.warn(
          { class: className(size), error: messageOf(error) },
          'could not make a warm slot',
        );
        await this.#pause();
      }
    }
  }

  #admit(size: SizeClass, slot: Slot): void {
    const name = className(size);
    const slots = this.#slots.get(name) ?? [];
    this.#slots.set(name, slots);
    slots.push(slot);
    void slot.machine.vmm.exited.then(async () => {
      if (!slots.includes(slot)) return;
      slots.splice(slots.indexOf(slot), 1);
      await this.#options.release(slot);
      this.#wake();
    });
  }

  #targets(): Map<string, number> {
    const { clock, warmMax, windowMs, defaultSize } = this.#options;
    return warmTargets(this.#claims, clock.monotonic(), className(defaultSize), {
      warmMax,
      windowMs,
      herdMs,
    });
  }

  #missing(): SizeClass | undefined {
    for (const [name, count] of this.#targets()) {
      if ((this.#slots.get(name)?.length ?? 0) < count) return this.#sizes.get(name);
    }
    return undefined;
  }

  async #dropSurplus(): Promise<void> {
    const targets = this.#targets();
    for (const [name, slots] of this.#slots) {
      while (slots.length > (targets.get(name) ?? 0)) {
        const slot = slots.pop();
        if (slot) await this.#options.release(slot);
      }
    }
  }

  /** Until there may be something to do. */
  async #pause(): Promise<void> {
    const waking = new AbortController();
    this.#wake = () => waking.abort();
    if (this.#stop.signal.aborted) return;
    await this.#options.clock.sleep(pauseMs, waking.signal).catch(() => {});
  }
}
