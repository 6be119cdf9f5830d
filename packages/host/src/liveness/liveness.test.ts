import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, silentLogger } from '@kraud/base';
import { openMemoryStore } from '@kraud/macro';
import type { Fence } from './fence.ts';
import { Liveness } from './liveness.ts';

const signal = new AbortController().signal;

function setUp(fenced = true) {
  const clock = new FakeClock();
  const store = openMemoryStore({ clock });
  const told: number[] = [];
  let seen = () => {};
  const next: { firedAtMs?: number } = {};
  const fence: Fence = {
    hold: async (untilMs) => {
      told.push(untilMs);
      const answer = { ...next };
      delete next.firedAtMs;
      return answer;
    },
    end: async () => {},
    leave: async () => {},
  };
  const liveness = new Liveness({
    name: 'alpha',
    instance: 'one',
    store,
    ttlMs: 15_000,
    ...(fenced ? { fence } : {}),
    caughtUp: () =>
      new Promise<void>((resolve) => {
        seen = resolve;
      }),
    clock,
    bootMs: () => clock.monotonic(),
    logger: silentLogger,
  });
  return { clock, liveness, told, next, see: () => seen() };
}

/** Whether a promise is settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.finally(() => {
    settled = true;
  });
  for (let turns = 0; turns < 10; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe('the right to run pods', () => {
  test('comes with the lease, once what was decided meanwhile is seen', async () => {
    const { liveness, told, see } = setUp();
    await liveness.start();
    assert.equal(told.length, 1, 'the fence knows before anything runs');
    const may = liveness.mayRun(signal);
    assert.equal(await isSettled(may), false);
    see();
    await may;
    await liveness.stop();
  });

  test('a start that is not wanted any more does not wait for it', async () => {
    const { liveness } = setUp();
    await liveness.start();
    const abort = new AbortController();
    const may = liveness.mayRun(abort.signal);
    abort.abort();
    await assert.rejects(may);
    await liveness.stop();
  });

  test('what the fence did is told of runs that began before', async () => {
    const { clock, liveness, next, see } = setUp();
    await liveness.start();
    see();
    assert.equal(liveness.firedSince(Number.NEGATIVE_INFINITY), false);
    const beforeMs = clock.monotonic();
    await clock.advance(1_000);
    next.firedAtMs = clock.monotonic();
    await clock.advance(10_000);
    assert.equal(liveness.firedSince(beforeMs), true);
    assert.equal(liveness.firedSince(clock.monotonic()), false);
    await liveness.stop();
  });

  test('on a cloud of one host nothing waits', async () => {
    const { liveness } = setUp(false);
    await liveness.start();
    await liveness.mayRun(signal);
    assert.equal(liveness.firedSince(0), false);
    await liveness.stop();
  });
});
