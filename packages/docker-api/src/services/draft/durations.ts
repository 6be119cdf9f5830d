import { KraudError } from '@kraud/base';

const nsPerMs = 1e6;

/** Milliseconds of a duration in nanoseconds; undefined if it wasn't given. */
export function msOf(name: string, ns: number | undefined): number | undefined {
  if (ns === undefined) return undefined;
  if (ns < 0) throw new KraudError('invalid', `${name} must not be negative`);
  return Math.round(ns / nsPerMs);
}
