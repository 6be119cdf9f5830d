import { type Clock, KraudError } from '@kraud/base';

const minuteMs = 60_000;
const addressesMax = 10_000;

/** Counts what went wrong by address, a minute at a time. */
export class Attempts {
  readonly #clock: Clock;
  readonly #perMinuteMax: number;
  readonly #failed = new Map<string, number>();
  #minute = 0;

  constructor(clock: Clock, perMinuteMax: number) {
    this.#clock = clock;
    this.#perMinuteMax = perMinuteMax;
  }

  /** `exhausted` when the address has failed too often in this minute. */
  check(address: string): void {
    this.#turn();
    const full = this.#failed.size >= addressesMax;
    const failed = this.#failed.get(address) ?? (full ? this.#perMinuteMax : 0);
    if (failed < this.#perMinuteMax) return;
    throw new KraudError('exhausted', 'too many wrong join tokens; try again in a minute');
  }

  fail(address: string): void {
    this.#turn();
    this.#failed.set(address, (this.#failed.get(address) ?? 0) + 1);
  }

  #turn(): void {
    const minute = Math.floor(this.#clock.monotonic() / minuteMs);
    if (minute === this.#minute) return;
    this.#minute = minute;
    this.#failed.clear();
  }
}
