import { type Clock, messageOf } from '@kraud/base';
import type { HealthCheck, HealthState } from '../model/index.ts';
import { afterProbe, type ProbeResult, startingHealth, waitForProbe } from './state.ts';

/** Runs a check's `test` in the container. The host fills it in; aborted when it takes too long. */
export type Probe = (
  signal: AbortSignal,
  heard: (output: string) => void,
) => Promise<{ exitCode: number; output: string }>;

export interface HealthOptions {
  readonly check: HealthCheck;
  /** When the container started, in milliseconds since 1970. */
  readonly startedAtMs: number;
  /** The state to go on from, when the daemon was restarted under a running container. */
  readonly state?: HealthState;
  readonly probe: Probe;
  /** Told after every probe. A failure to tell is told again with the next. */
  readonly publish: (state: HealthState) => Promise<void>;
  readonly clock: Clock;
}

/** Asks for a container's health again and again until the signal aborts. Run it once for each run of a container. */
export async function monitorHealth(options: HealthOptions, signal: AbortSignal): Promise<void> {
  const { check, clock } = options;
  let state = options.state ?? startingHealth;
  for (;;) {
    const waitMs = waitForProbe(check, state, clock.now() - options.startedAtMs);
    await clock.sleep(waitMs, signal).catch(() => {});
    if (signal.aborted) return;
    const beganMs = clock.now();
    const result = await runProbe(options, signal);
    if (signal.aborted) return;
    state = afterProbe(check, state, result, beganMs - options.startedAtMs);
    await options.publish(state).catch(() => {});
  }
}

async function runProbe(options: HealthOptions, signal: AbortSignal): Promise<ProbeResult> {
  const { clock, check } = options;
  const start = new Date(clock.now()).toISOString();
  const over = new AbortController();
  const limit = AbortSignal.any([signal, over.signal]);
  let soFar = '';
  const late = clock.sleep(check.timeoutMs, limit).then(
    () => {
      const said = soFar === '' ? '' : `: ${soFar}`;
      return { exitCode: -1, output: `Health check exceeded timeout (${shortTime(check.timeoutMs)})${said}` };
    },
    () => ({ exitCode: -1, output: 'Health check was given up' }),
  );
  const heard = (output: string): void => {
    soFar = output;
  };
  const ran = options
    .probe(limit, heard)
    .catch((error: unknown) => ({ exitCode: -1, output: messageOf(error) }));
  const { exitCode, output } = await Promise.race([ran, late]);
  over.abort();
  return { start, end: new Date(clock.now()).toISOString(), exitCode, output };
}

/** `500ms`, `30s`, `1m30s`: durations as Docker prints them. */
function shortTime(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const [minutes, seconds] = [Math.floor(ms / 60_000), (ms % 60_000) / 1000];
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}
