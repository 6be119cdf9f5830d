import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import { FakeClock, silentLogger } from '@kraud/base';
import type { SizeClass, VmExit } from '../contract.ts';
import { Moulds } from './moulds.ts';
import { Quiet } from './quiet.ts';
import type { Mould } from './slot-maker.ts';

const small: SizeClass = { vcpus: 1, memoryMiB: 128, hostPaths: false };
const large: SizeClass = { ...small, memoryMiB: 512 };
const shared: SizeClass = { ...small, hostPaths: true };
const keptMs = 60_000;

function world(max = 2) {
  const clock = new FakeClock();
  const quiet = new Quiet(clock);
  const made: { size: SizeClass; die: () => void; mould: Mould }[] = [];
  const released: Mould[] = [];
  let failure: Error | undefined;
  const moulds = new Moulds({
    max,
    keptMs,
    defaultSize: small,
    clock,
    logger: silentLogger,
    quiet,
    make: async (size) => {
      if (failure) throw failure;
      const exited = Promise.withResolvers<VmExit>();
      // Moulds are only handed on; their end is all that is looked at.
      const mould = { machine: { vmm: { exited: exited.promise } } } as unknown as Mould;
      made.push({ size, mould, die: () => exited.resolve({ reason: 'killed', detail: 'killed' }) });
      return mould;
    },
    release: async (mould) => void released.push(mould),
  });
  const fail = (error: Error | undefined): void => {
    failure = error;
  };
  return { clock, quiet, made, released, moulds, fail };
}

test('one of each class is made, when the class is first asked for', async () => {
  const { moulds, made } = world();
  assert.equal(moulds.ready(small), undefined);
  assert.equal(moulds.ready(small), undefined);
  const mould = await moulds.obtain(small);
  assert.equal(mould, made[0]?.mould);
  assert.equal(moulds.ready(small), mould);
  assert.equal(made.length, 1);
  assert.deepEqual(moulds.list(), [{ size: small }]);
  await moulds.close();
  assert.equal(moulds.ready(small), undefined, 'nothing is made once closed');
});

test('none is made while a claim is under way, or about to come', async () => {
  const { moulds, made, quiet, clock } = world();
  quiet.expect();
  const claim = Promise.withResolvers<void>();
  const claimed = quiet.during(() => claim.promise);
  moulds.ready(small);
  await clock.advance(5_000);
  assert.equal(made.length, 0);
  claim.resolve();
  await claimed;
  await tick();
  assert.equal(made.length, 0, 'the pod still starts');
  await clock.advance(5_000);
  await tick();
  assert.equal(made.length, 1);
  await moulds.close();
});

test('claims without end are no reason to have none', async () => {
  const { moulds, made, quiet, clock } = world();
  const claim = Promise.withResolvers<void>();
  const claimed = quiet.during(() => claim.promise);
  moulds.ready(small);
  await clock.advance(10_000);
  await tick();
  assert.equal(made.length, 1);
  claim.resolve();
  await claimed;
  await moulds.close();
});

test('one that nobody uses is ended, but for that of the default class', async () => {
  const { moulds, released, clock } = world();
  await moulds.obtain(small);
  const other = await moulds.obtain(large);
  await clock.advance(keptMs - 1);
  assert.equal(moulds.ready(large), other);
  await clock.advance(keptMs - 1);
  await tick();
  assert.deepEqual(released, []);
  await clock.advance(keptMs);
  await tick();
  assert.deepEqual(released, [other]);
  assert.deepEqual(moulds.list(), [{ size: small }]);
  await moulds.close();
});

test('a class that is asked for takes the place of the one that was used least lately', async () => {
  const { moulds, released } = world();
  await moulds.obtain(small);
  const displaced = await moulds.obtain(large);
  await moulds.obtain(shared);
  await tick();
  assert.deepEqual(released, [displaced]);
  assert.deepEqual(moulds.list(), [{ size: small }, { size: shared }]);
  await moulds.close();
});

test('one that dies is made again; one whose forks are of no use, or that fails, is not at once', async () => {
  const { moulds, made, released, clock, fail } = world();
  const first = await moulds.obtain(small);
  made[0]?.die();
  await tick();
  assert.deepEqual(released, [first]);
  const second = await moulds.obtain(small);
  assert.notEqual(second, first);
  assert.ok(second);
  moulds.discard(second);
  await tick();
  assert.equal(await moulds.obtain(small), undefined);
  assert.deepEqual(released, [first, second]);
  await clock.advance(keptMs);
  await tick();
  fail(new Error('no'));
  assert.equal(await moulds.obtain(small), undefined);
  fail(undefined);
  assert.equal(await moulds.obtain(small), undefined);
  await clock.advance(keptMs);
  await tick();
  assert.ok(await moulds.obtain(small));
  await moulds.close();
  assert.equal(released.length, made.length);
});

test('a maximum of 0 switches them off', async () => {
  const { moulds, made } = world(0);
  assert.equal(await moulds.obtain(small), undefined);
  assert.equal(made.length, 0);
});
