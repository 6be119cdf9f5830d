import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { silentLogger, systemClock, systemRandom } from '@kraud/base';
import { Cache } from '../../cache/cache.ts';
import { encode } from '../../model/encoding.ts';
import { keyOf } from '../../model/keys.ts';
import { samplePod } from '../../model/samples.ts';
import { CompactedError, type Store } from '../contract.ts';
import { eventsOf, put, watchUntil } from '../suite/world.ts';
import { EtcdStore } from './etcd-store.ts';
import { CutProxy } from './testing/cut-proxy.ts';
import { TestEtcd } from './testing/test-etcd.ts';

let etcd: TestEtcd;
let proxy: CutProxy;
before(async () => {
  etcd = await TestEtcd.start();
  proxy = await CutProxy.start(Number(etcd.members[0]?.endpoint.split(':')[1]));
});
after(async () => {
  proxy.close();
  await etcd[Symbol.asyncDispose]();
});

/** The same store twice: straight, and by a connection that can be cut. */
async function openTwice(): Promise<{ straight: Store; cuttable: Store } & AsyncDisposable> {
  const address = etcd.address();
  const parts = { clock: systemClock, random: systemRandom, logger: silentLogger };
  const straight = await EtcdStore.open({ ...parts, address });
  const cuttable = await EtcdStore.open({
    ...parts,
    address: address.replace(/\/\/[^/]*/, `//127.0.0.1:${proxy.port}`),
  });
  return {
    straight,
    cuttable,
    [Symbol.asyncDispose]: async () => {
      await straight.close();
      await cuttable.close();
    },
  };
}

test('a watch whose connection breaks again and again shows every revision once', async () => {
  await using stores = await openTwice();
  const { straight, cuttable } = stores;
  const from = (await straight.revision()) + 1;
  const writes = 400;
  const watched = watchUntil(cuttable, '/', from, from + writes - 1);
  for (let i = 0; i < writes; i += 1) {
    await put(straight, `/k/${i % 5}`, String(i));
    if (i % 40 === 20) proxy.cut(() => true);
    if (i % 40 === 30) proxy.cut(() => false);
  }
  const revisions = eventsOf(await watched).map((event) => event.revision);
  assert.deepEqual(
    revisions,
    Array.from({ length: writes }, (_, i) => from + i),
  );
});

test('a watch that was cut off while history was compacted is told so', async () => {
  await using stores = await openTwice();
  const { straight, cuttable } = stores;
  const from = (await straight.revision()) + 1;
  const first = Promise.withResolvers<void>();
  const watched = (async () => {
    for await (const _ of cuttable.watch('/', { fromRevision: from })) first.resolve();
  })();
  await put(straight, '/k', 'seen');
  await first.promise;
  proxy.cut(() => true);
  for (let i = 0; i < 10; i += 1) await put(straight, '/k', String(i));
  await straight.compact(await straight.revision());
  proxy.cut(() => false);
  await assert.rejects(watched, CompactedError);
});

test('a cache shows no gap and no repeat over broken connections and compactions', async () => {
  await using stores = await openTwice();
  const { straight, cuttable } = stores;
  const cache = new Cache('Pod', { store: cuttable, clock: systemClock, logger: silentLogger });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  const seen = new Map<string, number>();
  cache.subscribe((changes) => {
    for (const { before: was, after: is } of changes) {
      const uid = (is ?? was)?.meta.uid ?? '';
      assert.equal(was?.meta.revision, seen.get(uid), 'a change starts where the one before ended');
      if (is?.meta.revision === undefined) seen.delete(uid);
      else seen.set(uid, is.meta.revision);
    }
  });
  await cache.ready();
  const pods = [0, 1, 2, 3].map((i) => samplePod(`p${i}`));
  let last = 0;
  for (let i = 0; i < 120; i += 1) {
    const pod = pods[i % pods.length] ?? samplePod('p0');
    const key = keyOf('Pod', pod.meta);
    const deletes = i % 7 === 6;
    last = (
      await straight.txn({
        success: [deletes ? { op: 'delete', key } : { op: 'put', key, value: encode(pod) }],
      })
    ).revision;
    if (i % 30 === 10) proxy.cut(() => true);
    if (i % 30 === 20) {
      await straight.compact(await straight.revision());
      proxy.cut(() => false);
    }
  }
  await cache.reached(last, AbortSignal.timeout(120_000));
  const { entries } = await straight.list('/');
  assert.deepEqual(
    cache
      .list()
      .map(({ meta }) => [keyOf('Pod', meta), meta.revision])
      .sort(),
    entries.map((entry) => [entry.key, entry.modRevision]),
  );
  stop.abort();
  await running;
});

test('a revision that etcd sends in fragments comes whole; a list too large for one answer comes in pages', async () => {
  await using store = await etcd.open({ receiveBytesMax: 2 * 1024 * 1024 + 1000, listPageEntries: 100 });
  const value = 'x'.repeat(12_000);
  const from = (await store.revision()) + 1;
  const watched = watchUntil(store, '/', from, from + 3);
  for (let round = 0; round < 4; round += 1) {
    await store.txn({
      success: Array.from({ length: 110 }, (_, i) => ({ op: 'put', key: `/k/${i}`, value }) as const),
    });
  }
  for (const batch of await watched) {
    const counts = new Map<number, number>();
    for (const { revision } of batch.events) counts.set(revision, (counts.get(revision) ?? 0) + 1);
    assert.deepEqual([...new Set(counts.values())], counts.size > 0 ? [110] : []);
  }
  for (let i = 0; i < 6; i += 1) await put(store, `/large/${i}`, 'y'.repeat(900_000));
  assert.equal((await store.list('/k/')).entries.length, 110);
  const { entries } = await store.list('/');
  assert.equal(entries.length, 116);
  assert.equal(new Set(entries.map(({ key }) => key)).size, 116);
});

test('what others keep in the cluster is not ours', async () => {
  await using store = await etcd.open();
  await using other = await etcd.open();
  const from = (await store.revision()) + 1;
  await put(store, '/a', 'ours');
  const revision = await put(other, '/a', 'theirs');
  assert.deepEqual(
    (await store.list('')).entries.map(({ value }) => value),
    ['ours'],
  );
  assert.equal(eventsOf(await watchUntil(store, '', from, revision)).length, 1);
  await store.txn({ success: [{ op: 'deletePrefix', prefix: '' }] });
  assert.equal((await other.get('/a')).entry?.value, 'theirs');
});

test('a cluster that can’t be reached is refused by name, within the time limit', async () => {
  proxy.cut(() => true);
  const opening = EtcdStore.open({
    address: `etcd://127.0.0.1:${proxy.port}`,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    limits: { requestTimeoutMs: 500 },
  });
  await assert.rejects(opening, { code: 'unavailable' });
  proxy.cut(() => false);
  await delay(0);
});
