import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { FakeClock, silentLogger, systemClock, systemRandom } from '@kraud/base';
import { CompactedError, openMemoryStore, type Store, type WatchBatch } from '@kraud/macro';
import { Attempts } from './attempts.ts';
import { Members } from './members.ts';

const store = openMemoryStore({ clock: systemClock, random: systemRandom });
after(() => store.close());
const membersOf = (its: Store): Members =>
  new Members({ store: its, clock: systemClock, logger: silentLogger });

test('a name belongs to one key', async () => {
  const members = membersOf(store);
  await members.add('a', 'key 1');
  await members.add('a', 'key 1');
  await assert.rejects(members.add('a', 'key 2'), { code: 'exists', message: /kra host rm --force a/ });
  assert.equal(await members.has('a', 'key 1'), true);
  assert.equal(await members.has('a', 'key 2'), false);
  assert.equal(await members.has('b', 'key 1'), false);
  await members.remove('a');
  await members.add('a', 'key 2');
  assert.equal(await members.has('a', 'key 1'), false);
  await members.remove('a');
});

test('a host that goes before the store is followed is told of, too', async () => {
  const members = membersOf(store);
  await members.add('early', 'its key');
  await members.remove('early');
  const told = new Promise((resolve) => members.onRemoved(resolve));
  const abort = new AbortController();
  const running = members.run(abort.signal);
  assert.equal(await told, 'early');
  abort.abort();
  await running;
});

test('whoever goes is told of, even what went while nobody looked', async () => {
  const changing = membersOf(store);
  for (const name of ['a', 'b', 'c']) await changing.add(name, `key of ${name}`);
  // A watch that breaks, as when the store has forgotten what was asked for.
  const broken = Promise.withResolvers<never>();
  let watches = 0;
  const failing: AsyncIterable<WatchBatch> = {
    [Symbol.asyncIterator]: () => ({ next: () => broken.promise }),
  };
  const flaky = {
    list: (prefix: string) => store.list(prefix),
    get: (key: string) => store.get(key),
    watch: (prefix: string, options: Parameters<Store['watch']>[1]) => {
      watches += 1;
      return watches > 1 ? store.watch(prefix, options) : failing;
    },
  } as unknown as Store;
  const members = membersOf(flaky);
  const gone: string[] = [];
  const told = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const end = members.onRemoved(() => {
        if (gone.length < count) return;
        end();
        resolve();
      });
    });
  members.onRemoved((name) => void gone.push(name));
  const abort = new AbortController();
  const running = members.run(abort.signal);
  while (watches === 0) await new Promise((resolve) => setImmediate(resolve));
  await changing.remove('a');
  const one = told(1);
  broken.reject(new CompactedError(1));
  await one;
  assert.deepEqual(gone, ['a']);
  const three = told(3);
  await changing.remove('b');
  await changing.remove('c');
  await changing.add('c', 'another key');
  await three;
  assert.deepEqual(gone, ['a', 'b', 'c']);
  assert.equal(await members.has('c', 'key of c'), false);
  abort.abort();
  await running;
});

test('what fails too often in a minute is refused for the rest of it, address by address', async () => {
  const clock = new FakeClock(0);
  const attempts = new Attempts(clock, 2);
  attempts.check('x');
  attempts.fail('x');
  attempts.check('x');
  attempts.fail('x');
  assert.throws(() => attempts.check('x'), { code: 'exhausted' });
  attempts.check('y');
  await clock.advance(60_000);
  attempts.check('x');
});
