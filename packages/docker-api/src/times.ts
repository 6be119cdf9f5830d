import { KraudError } from '@kraud/base';

export const zeroTime = '0001-01-01T00:00:00Z';

const unitNs: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Nanoseconds of a duration as Go writes it (`1h30m`, `1.5s`); undefined if it isn't one. */
export function parseDurationNs(text: string): bigint | undefined {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let ns = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    ns += Number(number) * (unitNs[unit ?? ''] ?? 0);
  }
  return Number.isFinite(ns) ? BigInt(Math.round(ns)) : undefined;
}

/**
 * Nanoseconds since 1970 from what clients send for `since` and `until`.
 *
 * | text                             | is                  |
 * | -------------------------------- | ------------------- |
 * | `1700000000`                     | unix seconds        |
 * | `1700000000.5`                   | with a fraction     |
 * | `2023-11-14T22:13:20.5Z`         | RFC 3339            |
 * | `2023-11-14T22:13`, `2023-11-14` | shortened, in UTC   |
 * | `10m`, `1h30m`                   | so long before now  |
 */
export function parseTimeNs(text: string, what: string, nowMs: number): bigint {
  const unix = /^(-?\d{1,15})(?:\.(\d{1,9})\d*)?$/.exec(text);
  if (unix) return BigInt(unix[1] ?? '0') * 1_000_000_000n + BigInt((unix[2] ?? '').padEnd(9, '0'));
  const agoNs = parseDurationNs(text);
  if (agoNs !== undefined) return BigInt(Math.round(nowMs)) * 1_000_000n - agoNs;
  const written =
    /^(\d{4}-\d\d-\d\d)(?:T(\d\d(?::\d\d(?::\d\d)?)?)(?:[.,](\d{1,9})\d*)?)?(Z|[+-]\d\d:\d\d)?$/i.exec(text);
  if (written) {
    const [, date, time = '00', fraction = '', zone = 'Z'] = written;
    const full = [...time.split(':'), '00', '00'].slice(0, 3).join(':');
    const ms = Date.parse(`${date}T${full}${zone}`);
    if (!Number.isNaN(ms)) return BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
  }
  throw new KraudError('invalid', `invalid value for "${what}": "${text.slice(0, 100)}" is not a time`);
}

/** Nanoseconds since 1970 of an ISO 8601 time with up to nine digits. */
export function isoToNs(iso: string): bigint {
  return parseTimeNs(iso, 'time', 0);
}

export function isoToUnix(iso: string): number {
  return Math.floor(Date.parse(iso) / 1000);
}

/** `2023-11-14T22:13:20.000000001Z`, always nine digits, as logs show it. */
export function nsToIso(ns: bigint): string {
  const seconds = new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${(ns % 1_000_000_000n).toString().padStart(9, '0')}Z`;
}

/**
 * How long, in Docker's words.
 *
 * | seconds | words                  |
 * | ------- | ---------------------- |
 * | 0       | Less than a second     |
 * | 1       | 1 second               |
 * | 59      | 59 seconds             |
 * | 60      | About a minute         |
 * | 150     | 2 minutes              |
 * | 3600    | About an hour          |
 * | 172800  | 2 days                 |
 */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(seconds / 3600 + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}
