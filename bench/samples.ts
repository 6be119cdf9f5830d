/** What a series of measurements comes to. */
export interface Summary {
  p50: number;
  p99: number;
  n: number;
}

/** The value below which `fraction` of the samples lie, by the nearest rank. */
export function percentile(samples: readonly number[], fraction: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)];
  if (value === undefined) throw new Error('no samples');
  return value;
}

export function summary(samples: readonly number[]): Summary {
  const round = (ms: number): number => Math.round(ms * 10) / 10;
  return { p50: round(percentile(samples, 0.5)), p99: round(percentile(samples, 0.99)), n: samples.length };
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}
