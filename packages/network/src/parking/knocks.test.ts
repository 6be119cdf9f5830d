import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, silentLogger } from '@kraud/base';
import { Knocks } from './knocks.ts';

const door = { podId: 'a', netns: 'one', device: 'tapx', addresses: ['10.9.0.5', '10.8.0.5'] };
const knock = { device: 'tapx', address: '10.9.0.5' };

function set() {
  const clock = new FakeClock();
  const knocks = new Knocks({ clock, againMs: 1000, logger: silentLogger });
  const told: string[] = [];
  knocks.listen((podId) => told.push(podId));
  return { clock, knocks, told };
}

test('a pod is told of at once, and then once in a while as long as somebody knocks', async () => {
  const { clock, knocks, told } = set();
  knocks.expect(door);
  knocks.missed('one', knock);
  knocks.missed('one', knock);
  knocks.missed('one', { ...knock, address: '10.8.0.5' });
  assert.deepEqual(told, ['a']);
  await clock.advance(999);
  knocks.missed('one', knock);
  assert.deepEqual(told, ['a']);
  await clock.advance(1);
  knocks.missed('one', knock);
  assert.deepEqual(told, ['a', 'a']);
});

test('who is parked anew is told of at once again, and who is not parked never', async () => {
  const { knocks, told } = set();
  knocks.expect(door);
  knocks.missed('one', knock);
  knocks.forget(door);
  knocks.missed('one', knock);
  assert.deepEqual(told, ['a']);
  knocks.expect(door);
  knocks.missed('one', knock);
  assert.deepEqual(told, ['a', 'a']);
});

test('other taps, other addresses and taps of the same name elsewhere are no knock', async () => {
  const { knocks, told } = set();
  knocks.expect(door);
  knocks.missed('one', { ...knock, device: 'tapy' });
  knocks.missed('one', { ...knock, address: '10.9.0.6' });
  knocks.missed('two', knock);
  assert.deepEqual(told, []);
});

test('a knock before anybody listens is told of when it comes again, and a listener that fails hears the next', async () => {
  const clock = new FakeClock();
  const knocks = new Knocks({ clock, againMs: 1000, logger: silentLogger });
  knocks.expect(door);
  knocks.missed('one', knock);
  let times = 0;
  knocks.listen(() => {
    times += 1;
    throw new Error('busy');
  });
  knocks.missed('one', knock);
  await clock.advance(1000);
  knocks.missed('one', knock);
  assert.equal(times, 2);
});
