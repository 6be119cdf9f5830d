import type { Clock } from '@kraud/base';
import type { Host } from '../../model/index.ts';

/** How fast the pods of lost hosts are moved; `daemon` may set each, as `hosts.*`. */
export const moveDefaults = {
  movesPerS: 50,
  /** So many at once after a pause. */
  movesBurst: 50,
  /** More than half of the hosts, and at least `massLossHostsMin`, lost within this time are taken for a partition of ours. */
  massLossWindowMs: 15_000,
  /** Fewer lost hosts than these move at once, however few there are. */
  massLossHostsMin: 3,
  /** No pod is moved for this long after such a loss. */
  massLossHoldMs: 60_000,
  /** And so fast after that. */
  massLossMovesPerS: 5,
  /** A leader that was cut off itself gives the others so long to come back, too, before it has them as lost. */
  returnMs: 5_000,
};
export type MoveLimits = typeof moveDefaults;

export type Pace =
  | { readonly moves: 'free' }
  /** Hosts may only seem lost: none until then. */
  | { readonly moves: 'held'; readonly untilMs: number }
  | { readonly moves: 'slow' };

/** Pure: from when which hosts were lost to how their pods may move now. */
export function paceOf(hosts: readonly Host[], nowMs: number, limits: MoveLimits = moveDefaults): Pace {
  const lostAtMs = hosts
    .flatMap(({ status }) => (status.lostAt === undefined ? [] : [Date.parse(status.lostAt)]))
    .sort((a, b) => a - b);
  for (let first = lostAtMs.length - 1; first >= 0; first -= 1) {
    const fromMs = lostAtMs[first] ?? 0;
    const together = lostAtMs.filter((ms) => ms >= fromMs && ms <= fromMs + limits.massLossWindowMs);
    const there = hosts.length - first;
    if (together.length < limits.massLossHostsMin || together.length * 2 <= there) continue;
    const untilMs = (together.at(-1) ?? fromMs) + limits.massLossHoldMs;
    return nowMs < untilMs ? { moves: 'held', untilMs } : { moves: 'slow' };
  }
  return { moves: 'free' };
}

/** A token bucket: who takes more than there is waits. */
export class MoveBudget {
  readonly #clock: Clock;
  readonly #burst: number;
  #tokens: number;
  #filledMs: number;

  constructor(clock: Clock, burst: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledMs = clock.monotonic();
  }

  /** 0: one is taken. Otherwise milliseconds until it is worth asking again. */
  take(perS: number): number {
    const nowMs = this.#clock.monotonic();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#filledMs) * perS) / 1000);
    this.#filledMs = nowMs;
    if (this.#tokens < 1) return Math.ceil(((1 - this.#tokens) * 1000) / perS);
    this.#tokens -= 1;
    return 0;
  }
}
