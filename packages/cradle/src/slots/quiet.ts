import type { Clock } from '@kraud/base';

/** After a claim, its pod's start has the machine for itself; before one, what was begun for it. */
const hushMs = 400;

/** Keeps what nobody waits for out of the way of claims: whoever waits has the machine for himself. */
export class Quiet {
  readonly #clock: Clock;
  #claims = 0;
  #hushedUntilMs = 0;
  #over = Promise.withResolvers<void>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#over.resolve();
  }

  /** A claim is likely within moments. */
  expect(): void {
    this.#hushedUntilMs = this.#clock.monotonic() + hushMs;
  }

  /** `work` is a claim. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    if (this.#claims === 0) this.#over = Promise.withResolvers();
    this.#claims += 1;
    try {
      return await work();
    } finally {
      this.#claims -= 1;
      this.expect();
      if (this.#claims === 0) this.#over.resolve();
    }
  }

  /** Answers once no claim is under way and the last one is a while ago, or `signal` says that it no longer matters. */
  async settled(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<void>();
    const onAbort = (): void => aborted.resolve();
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted) {
        await Promise.race([this.#over.promise, aborted.promise]);
        const leftMs = this.#hushedUntilMs - this.#clock.monotonic();
        if (this.#claims === 0 && leftMs <= 0) return;
        if (leftMs > 0) await this.#clock.sleep(leftMs, signal).catch(() => {});
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}
