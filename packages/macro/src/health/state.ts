import type { HealthCheck, HealthState } from '../model/index.ts';

export const healthDefaults = {
  /** As Docker keeps and shows. */
  logEntriesMax: 5,
  outputCharsMax: 4096,
};

/** One probe's outcome. 0 is healthy; anything else isn't, also -1 for one that could not be run or took too long. */
export interface ProbeResult {
  /** ISO 8601. */
  readonly start: string;
  readonly end: string;
  readonly exitCode: number;
  readonly output: string;
}

/**
 * ```
 * starting ── success ──> healthy ── `retries` failures in a row ──> unhealthy
 *     │                      ^                                          │
 *     │                      └───────────────── success ────────────────┘
 *     └── `retries` failures in a row, those in the start period not counted ──> unhealthy
 * ```
 */
export const startingHealth: HealthState = { status: 'starting', failingStreak: 0, log: [] };

/** The state after a probe that began `sinceStartMs` after the container did. */
export function afterProbe(
  check: HealthCheck,
  state: HealthState,
  result: ProbeResult,
  sinceStartMs: number,
): HealthState {
  const entry = { ...result, output: result.output.slice(0, healthDefaults.outputCharsMax) };
  const log = [...state.log, entry].slice(-healthDefaults.logEntriesMax);
  if (result.exitCode === 0) return { status: 'healthy', failingStreak: 0, log };
  if (state.status === 'starting' && sinceStartMs < check.startPeriodMs) return { ...state, log };
  const failingStreak = state.failingStreak + 1;
  return { status: failingStreak >= check.retries ? 'unhealthy' : state.status, failingStreak, log };
}

/** How long to wait for the next probe, from the start or the end of the last one. */
export function waitForProbe(check: HealthCheck, state: HealthState, sinceStartMs: number): number {
  const early = state.status === 'starting' && sinceStartMs < check.startPeriodMs;
  return early ? check.startIntervalMs : check.intervalMs;
}
