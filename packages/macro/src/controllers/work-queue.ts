import type { Clock } from '@kraud/base';

/**
 * Keys that want work. A key stands in the queue once, however often it is added, and is never worked on by two at
 * a time: added while in work, it comes again afterwards.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #waiting = new Set<string>();
  readonly #working = new Set<string>();
  readonly #again = new Set<string>();
  /** Monotonic time from which a key wants work. */
  readonly #later = new Map<string, number>();
  #wakeups: (() => void)[] = [];
  #timer: AbortController | undefined;
  #timerMs = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(key: string): void {
    if (this.#closed) return;
    this.#later.delete(key);
    if (this.#working.has(key)) this.#again.add(key);
    else this.#waiting.add(key);
    this.#wakeups.shift()?.();
  }

  /** Adds it after a while; the earliest wish for a key counts. */
  addAfter(key: string, waitMs: number): void {
    if (this.#closed || this.#waiting.has(key) || this.#again.has(key)) return;
    const dueMs = this.#clock.monotonic() + Math.max(0, waitMs);
    const known = this.#later.get(key);
    if (known !== undefined && known <= dueMs) return;
    this.#later.set(key, dueMs);
    this.#arm();
  }

  /** The next key, now in work; undefined once closed. */
  async take(): Promise<string | undefined> {
    for (;;) {
      if (this.#closed) return undefined;
      const [key] = this.#waiting;
      if (key !== undefined) {
        this.#waiting.delete(key);
        this.#working.add(key);
        return key;
      }
      await new Promise<void>((resolve) => this.#wakeups.push(resolve));
    }
  }

  /** Ends the work on a key. */
  done(key: string): void {
    this.#working.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.abort();
    for (const wake of this.#wakeups.splice(0)) wake();
  }

  #arm(): void {
    const nextMs = Math.min(...this.#later.values());
    if (nextMs >= this.#timerMs && this.#timer) return;
    this.#timer?.abort();
    const timer = new AbortController();
    this.#timer = timer;
    this.#timerMs = nextMs;
    this.#clock.sleep(Math.max(0, nextMs - this.#clock.monotonic()), timer.signal).then(
      () => this.#due(),
      () => {},
    );
  }

  #due(): void {
    this.#timer = undefined;
    this.#timerMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.monotonic();
    // A timer may fire a fraction of a millisecond early.
    for (const [key, dueMs] of [...this.#later]) if (dueMs <= nowMs + 1) this.add(key);
    if (this.#later.size > 0 && !this.#closed) this.#arm();
  }
}
