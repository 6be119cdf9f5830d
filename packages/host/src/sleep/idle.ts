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
}

interface Seen extends Glimpse {
  readonly atMs: number;
  /** Since when nothing of it was seen. */
  readonly idleFromMs: number;
}

/** Since when each of several pods has been idle: nobody sends it anything or uses it, and it computes next to nothing. */
export class Idle {
  readonly #cpuMax: number;
  #seen = new Map<string, Seen>();

  /** `cpuMax`: share of one CPU up to which a VM is idle. */
  constructor(cpuMax: number) {
    this.#cpuMax = cpuMax;
  }

  /** All that are looked at, by uid; answers for how long each has been idle, ms. Whoever isn't named is forgotten. */
  look(now: ReadonlyMap<string, Glimpse>, atMs: number): Map<string, number> {
    const seen = new Map<string, Seen>();
    const idleMs = new Map<string, number>();
    for (const [uid, glimpse] of now) {
      const before = this.#seen.get(uid);
      const idleFromMs = before && this.#isIdle(before, glimpse, atMs) ? before.idleFromMs : atMs;
      seen.set(uid, { ...glimpse, atMs, idleFromMs });
      idleMs.set(uid, atMs - idleFromMs);
    }
    this.#seen = seen;
    return idleMs;
  }

  #isIdle(before: Seen, now: Glimpse, atMs: number): boolean {
    if (before.run !== now.run || now.used || before.packets !== now.packets) return false;
    const tookS = (atMs - before.atMs) / 1000;
    return now.cpuS - before.cpuS <= this.#cpuMax * tookS;
  }
}
