const billion = 1_000_000_000n;

/** Nanoseconds since 1970 in ISO 8601: `2023-11-14T22:13:20.123456789Z`. */
export function isoOf(timeNs: bigint): string {
  const seconds = timeNs / billion;
  const nanos = (timeNs % billion).toString().padStart(9, '0');
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${nanos}Z`;
}

export function nsOfMs(timeMs: number): bigint {
  return BigInt(Math.round(timeMs * 1000)) * 1000n;
}
