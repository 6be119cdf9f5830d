import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, silentLogger } from '@kraud/base';
import { Controller } from './controller.ts';
import { WorkQueue } from './work-queue.ts';

/** Lets everything run that waits for nothing but its turn. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('work queue', () => {
  test('a key stands in it once, in the order of its first addition', async () => {
    const queue = new WorkQueue(new FakeClock());
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    assert.deepEqual([await queue.take(), await queue.take(), await queue.take()], ['a', 'b', 'c']);
    const waiting = queue.take();
    queue.close();
    assert.equal(await waiting, undefined);
  });

  test('added while in work, it comes again afterwards and not before', async () => {
    const queue = new WorkQueue(new FakeClock());
    queue.add('a');
    assert.equal(await queue.take(), 'a');
    queue.add('a');
    queue.add('a');
    queue.add('b');
    assert.equal(await queue.take(), 'b');
    const next = queue.take();
    queue.done('b');
    queue.done('a');
    assert.equal(await next, 'a');
    queue.done('a');
    queue.add('c');
    assert.equal(await queue.take(), 'c');
  });

  test('later: the earliest wish counts, and an addition now makes it void', async () => {
    const clock = new FakeClock();
    const queue = new WorkQueue(clock);
    const taken: string[] = [];
    const taking = (async () => {
      for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
        taken.push(`${key}@${clock.monotonic() - 1_700_000_000_000}`);
        queue.done(key);
      }
    })();
    queue.addAfter('a', 500);
    queue.addAfter('a', 100);
    queue.addAfter('a', 300);
    queue.addAfter('b', 200);
    queue.addAfter('c', 50);
    queue.add('c');
    await settled();
    await clock.advance(1000);
    await settled();
    assert.deepEqual(taken, ['c@0', 'a@100', 'b@200']);
    queue.close();
    await taking;
  });
});

test('a controller tries what fails again, ever later, and starts anew after a success', async () => {
  const clock = new FakeClock();
  const calls: number[] = [];
  const stop = new AbortController();
  let failures = 4;
  const controller = new Controller({
    name: 'test',
    clock,
    logger: silentLogger,
    limits: { retryFirstMs: 100, retryMaxMs: 300 },
    reconcile: async () => {
      calls.push(clock.monotonic() - 1_700_000_000_000);
      if (failures-- > 0) throw new Error('not yet');
      return undefined;
    },
  });
  const pass = async (ms: number): Promise<void> => {
    await settled();
    await clock.advance(ms);
  };
  const running = controller.run(stop.signal);
  controller.enqueue('a');
  for (let i = 0; i < 20; i += 1) await pass(100);
  assert.deepEqual(calls, [0, 100, 300, 600, 900]);
  failures = 1;
  controller.enqueue('a');
  for (let i = 0; i < 5; i += 1) await pass(100);
  assert.deepEqual(calls.slice(5), [2000, 2100]);
  stop.abort();
  await running;
});
