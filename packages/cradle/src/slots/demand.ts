/** One claim of the recent past. */
export interface Claim {
  readonly atMs: number;
  readonly className: string;
}

export interface DemandLimits {
  /** Warm slots at most, of all classes together. */
  readonly warmMax: number;
  /** Claims older than this don't count. */
  readonly windowMs: number;
  /** Claims this close together are one herd, which finds warm slots only if they were all there before. */
  readonly herdMs: number;
}

/**
 * How many warm slots each class should have: as many as its largest herd of the window, and one of the default
 * class in any case. When that is more than the maximum, the class asked for last comes first.
 */
export function warmTargets(
  claims: readonly Claim[],
  nowMs: number,
  defaultClass: string,
  limits: DemandLimits,
): Map<string, number> {
  const recent = claims.filter((claim) => claim.atMs > nowMs - limits.windowMs);
  const classes = [...new Set([...recent.map((claim) => claim.className).reverse(), defaultClass])];
  const targets = new Map<string, number>();
  let left = limits.warmMax;
  for (const name of classes) {
    const times = recent.filter((claim) => claim.className === name).map((claim) => claim.atMs);
    const count = Math.min(left, Math.max(1, largestHerd(times, limits.herdMs)));
    if (count > 0) targets.set(name, count);
    left -= count;
  }
  return targets;
}

/** The most of these times, in order, that lie within `withinMs`. */
function largestHerd(times: readonly number[], withinMs: number): number {
  let first = 0;
  let most = 0;
  for (const [index, time] of times.entries()) {
    while (time - (times[first] ?? time) > withinMs) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}
