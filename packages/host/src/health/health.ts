import type { HealthCheck, HealthState } from '@kraud/macro';

export interface ProbeResult {
  readonly start: string;
  readonly end: string;
  /** 0 healthy; anything else not. -1: it ran into its timeout or could not be run. */
  readonly exitCode: number;
  readonly output: string;
}

const logEntriesMax = 5;

/**
 * A container's health after one more probe, as Docker counts: one success is enough, `retries` failures in a row make
 * it unhealthy, and failures within the start period don't count as long as there was no success.
 */
export function nextHealth(
  before: HealthState,
  result: ProbeResult,
  check: HealthCheck,
  sinceStartMs: number,
): HealthState {
  const log = [...before.log, { ...result }].slice(-logEntriesMax);
  if (result.exitCode === 0) return { status: 'healthy', failingStreak: 0, log };
  const starting = before.status === 'starting' && sinceStartMs < check.startPeriodMs;
  if (starting) return { ...before, log };
  const failingStreak = before.failingStreak + 1;
  const status = failingStreak >= check.retries ? 'unhealthy' : before.status;
  return { status, failingStreak, log };
}

/** Until the next probe. */
export function probeDelayMs(state: HealthState, check: HealthCheck, sinceStartMs: number): number {
  const starting = state.status === 'starting' && sinceStartMs < check.startPeriodMs;
  return starting ? Math.min(check.startIntervalMs, check.intervalMs) : check.intervalMs;
}

/** The command of a probe, or undefined for `NONE`. */
export function probeArgs(test: readonly string[]): string[] | undefined {
  const [kind, ...rest] = test;
  if (kind === 'CMD') return rest;
  if (kind === 'CMD-SHELL') return ['/bin/sh', '-c', rest.join(' ')];
  return undefined;
}
