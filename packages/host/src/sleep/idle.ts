/** What is seen of a run at one moment. */
export interface Glimpse {
  /** Tells runs apart. */
  readonly run: object;
  /** Through its tap, since that exists; undefined without one. */
  readonly packets: number | undefined;
  /** CPU time of its VM, seconds. */
  readonly cpuS: number;
  /** Somebody uses it through the API. */
  readonly used: boolean;
  /** How long it has to be idle. */
  readonly afterMs: number;
}

interface Seen extends Glimpse {
  /** Since when it may have been idle, and its CPU time then. */
  readonly from: { readonly atMs: number; readonly cpuS: number };
}

/**
 * Which of several pods have been idle for their time: nobody sends them anything or uses them, and in all that time they compute
 * next to nothing. It is the time as a whole that counts, so a health check now and then is no work.
 */
export class Idle {
  readonly #cpuMax: number;
  #seen = new Map<string, Seen>();

  /** `cpuMax`: share of one CPU up to which a VM is idle. */
  constructor(cpuMax: number) {
    this.#cpuMax = cpuMax;
  }

  /** All that are looked at, by uid; answers those that have been idle for long enough. Whoever isn't named is forgotten. */
  look(now: ReadonlyMap<string, Glimpse>, atMs: number): string[] {
    const seen = new Map<string, Seen>();
    const idle: string[] = [];
    for (const [uid, glimpse] of now) {
      const before = this.#seen.get(uid);
      const goesOn = before && this.#isIdle(before, glimpse, atMs);
      const from = goesOn ? before.from : { atMs, cpuS: glimpse.cpuS };
      seen.set(uid, { ...glimpse, from });
      if (atMs - from.atMs >= glimpse.afterMs) idle.push(uid);
    }
    this.#seen = seen;
    return idle;
  }

  #isIdle(before: Seen, now: Glimpse, atMs: number): boolean {
    if (before.run !== now.run || now.used || before.packets !== now.packets) return false;
    const { from } = before;
    const overMs = Math.max(atMs - from.atMs, now.afterMs);
    return now.cpuS - from.cpuS <= (this.#cpuMax * overMs) / 1000;
  }
}
