import { KraudError } from './errors.ts';

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

const factors: Record<string, number> = { '': 1, b: 1, k: KiB, m: MiB, g: GiB, t: 1024 * GiB };

/**
 * Bytes from a size as Docker writes it: a number and an optional unit, powers of 1024.
 *
 * | text    | bytes       |
 * | ------- | ----------- |
 * | `512`   | 512         |
 * | `64m`   | 67108864    |
 * | `1.5g`  | 1610612736  |
 * | `2GiB`  | 2147483648  |
 */
export function parseBytes(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?\s*$/i.exec(text);
  const factor = match ? factors[(match[2] ?? '').toLowerCase()] : undefined;
  if (!match || factor === undefined) throw new KraudError('invalid', `invalid size: '${text}'`);
  return Math.round(Number(match[1]) * factor);
}

/** A size for people, powers of 1024: `13.4 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

const unitsMs: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/**
 * Milliseconds from a duration as people write it: numbers with units, the largest unit first.
 *
 * | text    | ms       |
 * | ------- | -------- |
 * | `24h`   | 86400000 |
 * | `1h30m` | 5400000  |
 * | `500ms` | 500      |
 */
export function parseDurationMs(text: string): number {
  const parts = [...text.matchAll(/(\d{1,9})(ms|[dhms])/g)];
  const units = parts.map(([, , unit = '']) => unitsMs[unit] ?? 0);
  const falling = units.every((unit, at) => at === 0 || unit < (units[at - 1] ?? 0));
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text || !falling) {
    throw new KraudError('invalid', `invalid duration: '${text}' (write it as 24h, 90m or 1h30m)`);
  }
  return parts.reduce((sum, [, digits], at) => sum + Number(digits) * (units[at] ?? 0), 0);
}
