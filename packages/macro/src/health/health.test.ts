import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '@kraud/base';
import fc from 'fast-check';
import type { HealthCheck, HealthState } from '../model/index.ts';
import { monitorHealth } from './monitor.ts';
import { afterProbe, startingHealth, waitForProbe } from './state.ts';

const check: HealthCheck = {
  test: ['CMD', 'true'],
  intervalMs: 30_000,
  timeoutMs: 10_000,
  startPeriodMs: 60_000,
  startIntervalMs: 5000,
  retries: 3,
};
const at = '2026-01-01T00:00:00.000Z';
const result = (exitCode: number, output = '') => ({ start: at, end: at, exitCode, output });

/** `ok` and `no` are probes; the answer is the status and streak after each. */
function play(steps: string, sinceStartMs: number, from: HealthState = startingHealth): string[] {
  let state = from;
  return steps.split(' ').map((step) => {
    state = afterProbe(check, state, result(step === 'ok' ? 0 : 1), sinceStartMs);
    return `${state.status} ${state.failingStreak}`;
  });
}

describe('health', () => {
  test('in the start period failures do not count, a success does', () => {
    assert.deepEqual(play('no no no no ok no', 1000), [
      ...Array.from({ length: 4 }, () => 'starting 0'),
      'healthy 0',
      'healthy 1',
    ]);
  });

  test('unhealthy after `retries` failures in a row; one success heals', () => {
    assert.deepEqual(play('no no ok no no no no ok', 60_000), [
      'starting 1',
      'starting 2',
      'healthy 0',
      'healthy 1',
      'healthy 2',
      'unhealthy 3',
      'unhealthy 4',
      'healthy 0',
    ]);
  });

  test('probes come quicker while it starts', () => {
    assert.equal(waitForProbe(check, startingHealth, 0), 5000);
    assert.equal(waitForProbe(check, startingHealth, 60_000), 30_000);
    assert.equal(waitForProbe(check, { ...startingHealth, status: 'healthy' }, 0), 30_000);
  });

  test('any sequence: the log keeps the last five, short, and unhealthy means a full streak', () => {
    const probes = fc.array(fc.tuple(fc.integer({ min: -1, max: 2 }), fc.nat(120_000), fc.string()), {
      maxLength: 30,
    });
    const property = fc.property(probes, (all) => {
      let state = startingHealth;
      for (const [exitCode, sinceStartMs, output] of all) {
        state = afterProbe(check, state, result(exitCode, output.repeat(500)), sinceStartMs);
        if (exitCode === 0) assert.equal(state.status, 'healthy');
        if (state.status === 'unhealthy') assert.ok(state.failingStreak >= check.retries);
      }
      assert.deepEqual(
        state.log.map((entry) => entry.exitCode),
        all.slice(-5).map(([exitCode]) => exitCode),
      );
      for (const entry of state.log) assert.ok(entry.output.length <= 4096);
    });
    fc.assert(property);
  });

  test('the monitor probes in time, gives up on a slow probe, and stops', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const told: string[] = [];
    let probes = 0;
    const monitoring = monitorHealth(
      {
        check,
        startedAtMs: clock.now(),
        clock,
        probe: async (signal, heard) => {
          probes += 1;
          if (probes === 4) heard('half of it');
          if (probes === 1) return { exitCode: 0, output: 'fine' };
          if (probes === 2) throw new Error('no such file');
          return await new Promise((_, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason)),
          );
        },
        publish: async (state) => {
          const last = state.log.at(-1);
          told.push(
            `${(clock.now() - 1_700_000_000_000) / 1000} s: ${state.status} ${last?.exitCode} ${last?.output}`,
          );
        },
      },
      stop.signal,
    );
    for (let i = 0; i < 120; i += 1) await clock.advance(1000);
    stop.abort();
    await monitoring;
    assert.deepEqual(told, [
      '5 s: healthy 0 fine',
      '35 s: healthy -1 no such file',
      '75 s: healthy -1 Health check exceeded timeout (10s)',
      '115 s: unhealthy -1 Health check exceeded timeout (10s): half of it',
    ]);
  });
});
