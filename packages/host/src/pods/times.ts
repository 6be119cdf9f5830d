const billion = 1_000_000_000n;
/** The years that JSON of Go holds: 1 to 9999. */
const firstNs = -62_135_596_800n * billion;
const lastNs = 253_402_300_800n * billion - 1n;

/** Nanoseconds since 1970 in ISO 8601: `2023-11-14T22:13:20.123456789Z`. A time that no clock shows is the next that one does. */
export function isoOf(timeNs: bigint): string {
  const shown = timeNs < firstNs ? firstNs : timeNs > lastNs ? lastNs : timeNs;
  const nanos = ((shown % billion) + billion) % billion;
  const seconds = (shown - nanos) / billion;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${nanos.toString().padStart(9, '0')}Z`;
}

export function nsOfMs(timeMs: number): bigint {
  return BigInt(Math.round(timeMs * 1000)) * 1000n;
}
