import { type Clock, type Logger, messageOf } from '@kraud/base';
import type { SizeClass } from '../contract.ts';
import { className } from '../template/key.ts';
import type { Slot } from './slot-maker.ts';

export interface ExpectedSlotsOptions {
  /** How long one waits for its claim; 0: none is ever begun. */
  readonly keptMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly begin: (size: SizeClass) => Promise<Slot>;
  readonly release: (slot: Slot) => Promise<void>;
}

interface Expected {
  readonly slot: Promise<Slot>;
  /** Taken, or given up. */
  readonly over: AbortController;
}

/**
 * Slots that were begun because a claim is about to come: a pod was made, and who makes one mostly starts it within
 * some 20 ms. At most one of each class; one that nobody claims in time is ended.
 *
 * ```
 * begin ── waits ─┬─ take ──▶ the claim's
 *                 └─ keptMs, close ──▶ released
 * ```
 */
export class ExpectedSlots {
  readonly #options: ExpectedSlotsOptions;
  readonly #expected = new Map<string, Expected>();
  readonly #ending = new Set<Promise<void>>();
  #closed = false;

  constructor(options: ExpectedSlotsOptions) {
    this.#options = options;
  }

  begin(size: SizeClass): void {
    const name = className(size);
    if (this.#closed || this.#options.keptMs === 0 || this.#expected.has(name)) return;
    const expected = { slot: this.#options.begin(size), over: new AbortController() };
    // Its claim is told; without one nobody cares.
    expected.slot.catch(() => {});
    this.#expected.set(name, expected);
    this.#options.clock.sleep(this.#options.keptMs, expected.over.signal).then(
      () => this.#giveUp(name, expected),
      () => {},
    );
  }

  /** The one of this class, if there is one, as soon as it is there; nobody else gets the same. */
  take(size: SizeClass): Promise<Slot> | undefined {
    const name = className(size);
    const expected = this.#expected.get(name);
    if (!expected) return undefined;
    this.#expected.delete(name);
    expected.over.abort();
    return expected.slot;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const [name, expected] of this.#expected) this.#giveUp(name, expected);
    await Promise.all(this.#ending);
  }

  #giveUp(name: string, expected: Expected): void {
    if (this.#expected.get(name) !== expected) return;
    this.#expected.delete(name);
    expected.over.abort();
    const ending = this.#end(expected);
    this.#ending.add(ending);
    void ending.finally(() => this.#ending.delete(ending));
  }

  async #end({ slot }: Expected): Promise<void> {
    // One that could not be made is nobody's by now, and left nothing.
    const made = await slot.catch(() => undefined);
    if (!made) return;
    try {
      await this.#options.release(made);
    } catch (error) {
      this.#options.logger.error({ error: messageOf(error) }, 'a slot that nobody claimed does not go');
    }
  }
}
