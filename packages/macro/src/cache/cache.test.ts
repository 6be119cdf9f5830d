import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, SeededRandom, silentLogger } from '@kraud/base';
import type { Pod } from '../model/index.ts';
import { samplePod } from '../model/samples.ts';
import { ResourceClient } from '../resources/client.ts';
import { CompactedError, type Store, type WatchBatch } from '../store/contract.ts';
import { openMemoryStore } from '../store/memory/open.ts';
import { Cache } from './cache.ts';

const key = (name: string) => ({ tenant: 'default', namespace: 'default', name });

/** The store, with watches that break after a few batches as if compaction had overtaken them. */
function breaking(store: Store, random: SeededRandom): Store {
  async function* watch(...args: Parameters<Store['watch']>): AsyncIterable<WatchBatch> {
    let left = random.below(4);
    for await (const batch of store.watch(...args)) {
      if (left === 0)
        throw random.below(2) ? new CompactedError(batch.revision) : new Error('the line is cut');
      left -= 1;
      yield batch;
    }
  }
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'watch') return watch;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('cache', () => {
  test('what nothing may be named is not there', () => {
    const store = openMemoryStore({ clock: new FakeClock() });
    const cache = new Cache('Pod', { store, clock: new FakeClock(), logger: silentLogger });
    for (const name of ['busybox:latest', 'sha256:1234', 'a/b', ' ', ''])
      assert.equal(cache.get(key(name)), undefined);
  });

  test('whatever breaks its watch, its changes add up to what it shows, and it ends up right', async () => {
    for (let seed = 0; seed < 10; seed += 1) {
      const random = new SeededRandom(seed);
      const clock = new FakeClock();
      const store = openMemoryStore({ clock });
      const pods = new ResourceClient('Pod', { store, clock });
      const cache = new Cache('Pod', { store: breaking(store, random), clock, logger: silentLogger });
      const mirror = new Map<string, Pod>();
      cache.subscribe((changes) => {
        for (const { before, after } of changes) {
          const uid = (after ?? before)?.meta.uid ?? '';
          assert.deepEqual(mirror.get(uid), before, `seed ${seed}: not based on what was shown`);
          assert.notDeepEqual(before, after, `seed ${seed}: a change that changes nothing`);
          if (after) mirror.set(uid, after);
          else mirror.delete(uid);
        }
      });
      const stop = new AbortController();
      const running = cache.run(stop.signal);
      for (let step = 0; step < 60; step += 1) {
        const name = `p${random.below(6)}`;
        const dice = random.below(4);
        const present = await pods.get(key(name));
        if (!present) await pods.create(samplePod(name, { meta: { uid: random.bytes(32).toString('hex') } }));
        else if (dice === 0) await pods.delete(key(name));
        else if (dice === 1) {
          await pods.rename(key(name), `p${6 + random.below(100)}`).catch(() => {});
        } else
          await pods.mutate(key(name), (pod) => ({ ...pod, status: { ...pod.status, message: `${step}` } }));
        if (random.below(5) === 0) await clock.advance(1000);
      }
      const reached = cache.reached(await store.revision());
      let done = false;
      void reached.then(() => {
        done = true;
      });
      while (!done) await clock.advance(1000);
      const shown = cache.list().sort((a, b) => (a.meta.name < b.meta.name ? -1 : 1));
      assert.deepEqual(
        shown,
        (await pods.list()).resources.sort((a, b) => (a.meta.name < b.meta.name ? -1 : 1)),
      );
      assert.deepEqual(
        [...mirror.values()].sort((a, b) => (a.meta.name < b.meta.name ? -1 : 1)),
        shown,
      );
      stop.abort();
      await running;
      await store.close();
    }
  });

  test('one unreadable value blinds it to no other', async () => {
    const clock = new FakeClock();
    const store = openMemoryStore({ clock });
    await store.txn({ success: [{ op: 'put', key: '/pod/default/default/bad', value: '{' }] });
    const pods = new ResourceClient('Pod', { store, clock });
    await pods.create(samplePod('good'));
    const cache = new Cache('Pod', { store, clock, logger: silentLogger });
    const stop = new AbortController();
    const running = cache.run(stop.signal);
    await cache.ready();
    assert.deepEqual(
      cache.list().map((pod) => pod.meta.name),
      ['good'],
    );
    stop.abort();
    await running;
  });

  test('waitFor asks now and after every change', async () => {
    const clock = new FakeClock();
    const store = openMemoryStore({ clock });
    const pods = new ResourceClient('Pod', { store, clock });
    const cache = new Cache('Pod', { store, clock, logger: silentLogger });
    const stop = new AbortController();
    const running = cache.run(stop.signal);
    const two = cache.waitFor((shown) => (shown.list().length === 2 ? 'two' : undefined));
    await pods.create(samplePod('a'));
    await pods.create(samplePod('b'));
    assert.equal(await two, 'two');
    stop.abort();
    await running;
  });
});
