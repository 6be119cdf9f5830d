import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Store } from './contract.ts';
import { openMemoryStore } from './memory/open.ts';
import { checkStoreIsWhole, migrateStore } from './migrate.ts';
import { put } from './suite/world.ts';

const options = { toName: 'there', isDead: () => true };
const whole = async (store: Store): Promise<[string, string][]> =>
  (await store.list('')).entries.map(({ key, value }) => [key, value]);

async function filled(): Promise<Store> {
  const store = openMemoryStore();
  for (let i = 0; i < 1234; i += 1) await put(store, `/k/${i}`, `value ${i}`);
  for (let i = 0; i < 3; i += 1) await put(store, `/large/${i}`, 'ä'.repeat(400_000));
  return store;
}

/** A store that fails at its `writes`-th write, before or after it has done it. */
function failing(store: Store, writes: number): Store {
  let left = writes;
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'txn') return value.bind(target);
      return async (...args: unknown[]): Promise<unknown> => {
        left -= 1;
        if (left < 0) throw new Error('cut off');
        return value.apply(target, args);
      };
    },
  });
}

test('there and back: every key and value, and each time the old one says where it went', async () => {
  await using here = await filled();
  await using there = openMemoryStore();
  const before = await whole(here);
  assert.equal(await migrateStore(here, there, options), before.length);
  assert.deepEqual(await whole(there), before);
  await checkStoreIsWhole(there);
  await assert.rejects(checkStoreIsWhole(here), { code: 'conflict', message: /moved to there/ });
  await assert.rejects(migrateStore(here, openMemoryStore(), options), { code: 'conflict' });

  await put(there, '/k/new', 'x');
  await migrateStore(there, here, { ...options, toName: 'here' });
  await checkStoreIsWhole(here);
  assert.deepEqual(await whole(here), [...before, ['/k/new', 'x']].sort());
});

test('wherever it is cut off, the source is whole; the target is whole, or says that it isn’t; and it can be done again', async () => {
  for (let writes = 0; ; writes += 1) {
    await using here = await filled();
    await using there = openMemoryStore();
    const before = await whole(here);
    const done = await migrateStore(here, failing(there, writes), options).then(
      () => true,
      () => false,
    );
    if (done) break;
    await checkStoreIsWhole(here);
    assert.deepEqual(await whole(here), before);
    if (writes > 0) await assert.rejects(checkStoreIsWhole(there), { code: 'conflict', message: /half/ });
    await migrateStore(here, there, options);
    assert.deepEqual(await whole(there), before);
  }
});

test('a store that holds a cloud is not overwritten', async () => {
  await using here = await filled();
  await using there = openMemoryStore();
  await put(there, '/a', '');
  await assert.rejects(migrateStore(here, there, options), { code: 'conflict', message: /not empty/ });
  assert.deepEqual(await whole(there), [['/a', '']]);
});

test('a lease is a daemon that lives, or stays behind', async () => {
  await using here = openMemoryStore();
  await using there = openMemoryStore();
  const lease = await here.lease(60_000);
  await here.txn({ success: [{ op: 'put', key: '/leader', value: 'alive', lease: lease.id }] });
  await put(here, '/a', 'x');
  await assert.rejects(migrateStore(here, there, { ...options, isDead: (value) => value !== 'alive' }), {
    code: 'conflict',
    message: /daemon still uses .*\/leader/,
  });
  await migrateStore(here, there, options);
  assert.deepEqual(await whole(there), [['/a', 'x']]);
});
