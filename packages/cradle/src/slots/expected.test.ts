import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import { FakeClock, type Logger, silentLogger } from '@kraud/base';
import type { SizeClass } from '../contract.ts';
import { ExpectedSlots } from './expected.ts';
import type { Slot } from './slot-maker.ts';

const small: SizeClass = { vcpus: 1, memoryMiB: 128, hostPaths: false };
const large: SizeClass = { ...small, memoryMiB: 512 };

function world(keptMs = 1_000) {
  const clock = new FakeClock();
  const begun: { size: SizeClass; made: PromiseWithResolvers<Slot> }[] = [];
  const released: Slot[] = [];
  const faults: unknown[] = [];
  const logger: Logger = {
    ...silentLogger,
    error: (fields, message) => void faults.push({ ...fields, message }),
  };
  let fault: Error | undefined;
  const slots = new ExpectedSlots({
    keptMs,
    clock,
    logger,
    begin: (size) => {
      const made = Promise.withResolvers<Slot>();
      begun.push({ size, made });
      return made.promise;
    },
    release: async (slot) => {
      if (fault) throw fault;
      released.push(slot);
    },
  });
  /** Slots are only handed on. */
  const slot = (name: string): Slot => ({ name }) as unknown as Slot;
  const failWith = (error: Error): void => {
    fault = error;
  };
  return { clock, begun, released, faults, failWith, slots, slot };
}

test('one is begun for each class, and the first claim gets it', async () => {
  const { begun, slots, slot, released, clock } = world();
  assert.equal(slots.take(small), undefined);
  slots.begin(small);
  slots.begin(small);
  slots.begin(large);
  assert.deepEqual(
    begun.map(({ size }) => size),
    [small, large],
  );
  const taken = slots.take(small);
  assert.equal(slots.take(small), undefined);
  const made = slot('a');
  begun[0]?.made.resolve(made);
  assert.equal(await taken, made);
  begun[1]?.made.resolve(slot('b'));
  await clock.advance(1_000);
  await tick();
  assert.deepEqual(released, [slot('b')], 'what was taken is not ended');
  slots.begin(small);
  assert.equal(begun.length, 3, 'the next one is begun anew');
  begun[2]?.made.resolve(slot('c'));
  await slots.close();
});

test('one that fails is told to its claim, and to nobody else', async () => {
  const { begun, slots, clock } = world();
  slots.begin(small);
  const taken = slots.take(small);
  begun[0]?.made.reject(new Error('no'));
  await assert.rejects(async () => taken, /no/);
  slots.begin(small);
  begun[1]?.made.reject(new Error('no'));
  await clock.advance(1_000);
  await tick();
  assert.equal(slots.take(small), undefined);
  await slots.close();
});

test('one that nobody claims is ended after its time, and at the close, also when it comes only then', async () => {
  const { begun, slots, slot, released, clock } = world();
  slots.begin(small);
  await clock.advance(1_000);
  await tick();
  assert.equal(slots.take(small), undefined);
  begun[0]?.made.resolve(slot('late'));
  await tick();
  assert.deepEqual(released, [slot('late')]);
  slots.begin(large);
  const closed = slots.close();
  begun[1]?.made.resolve(slot('last'));
  await closed;
  assert.deepEqual(released, [slot('late'), slot('last')]);
  slots.begin(large);
  assert.equal(begun.length, 2, 'nothing is begun once closed');
});

test('a time of 0 switches them off', () => {
  const { begun, slots } = world(0);
  slots.begin(small);
  assert.equal(begun.length, 0);
});

test('one that does not go is told to the log', async () => {
  const { begun, slots, slot, clock, faults, failWith } = world();
  slots.begin(small);
  begun[0]?.made.resolve(slot('a'));
  failWith(new Error('it is stuck'));
  await clock.advance(1_000);
  await slots.close();
  assert.deepEqual(faults, [{ error: 'it is stuck', message: 'a slot that nobody claimed does not go' }]);
});
