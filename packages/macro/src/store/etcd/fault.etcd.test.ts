import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf, must, SeededRandom, silentLogger, systemClock, systemRandom } from '@kraud/base';
import type { Lease, WatchBatch } from '../contract.ts';
import { eventsOf, put, watchUntil } from '../suite/world.ts';
import { EtcdStore } from './etcd-store.ts';
import { Clients, jumpyClock } from './testing/clients.ts';
import { checkHistory } from './testing/history.ts';
import type { Member } from './testing/member.ts';
import { clockFaultNames, faultNames, setClock, strike } from './testing/nemesis.ts';
import { TestEtcd } from './testing/test-etcd.ts';

const seeds = Number(process.env.KRAUD_SEEDS ?? 2);
const firstSeed = Number(process.env.KRAUD_SEED ?? 1);
const faultsPerSeed = 3;
const limits = {
  requestTimeoutMs: 5000,
  attemptTimeoutMs: 1000,
  writeTimeoutMs: 2000,
  connectTimeoutMs: 1000,
};

let etcd: TestEtcd;
before(async () => {
  etcd = await TestEtcd.start({ members: 3, durable: true, partitions: true, slowDisks: true, clocks: true });
});
after(() => etcd?.[Symbol.asyncDispose]());

/** Keeps a lease alive; says when it was last known to be. */
async function keep(lease: Lease, signal: AbortSignal): Promise<{ lost: boolean; silentMs: number }> {
  let keptMs = systemClock.monotonic();
  while (!signal.aborted) {
    const askedMs = systemClock.monotonic();
    try {
      await lease.keepAlive();
      keptMs = askedMs;
    } catch (error) {
      if (codeOf(error) === 'not-found') return { lost: true, silentMs: systemClock.monotonic() - keptMs };
    }
    await delay(300);
  }
  return { lost: false, silentMs: 0 };
}

/** On a machine that is slow enough, no request gets through in time: then it may end, but not before. */
function outlived({ lost, silentMs }: { lost: boolean; silentMs: number }, lease: Lease): void {
  assert.ok(!lost || silentMs > lease.ttlMs / 2, `the lease ended after ${silentMs} ms of silence`);
}

/** The leader, once there is one that answers. */
async function present(cluster: TestEtcd): Promise<Member> {
  const untilMs = systemClock.monotonic() + 120_000;
  for (;;) {
    const leader = await cluster.leader();
    if (leader) return leader;
    assert.ok(systemClock.monotonic() < untilMs, 'there is no leader');
    await delay(100);
  }
}

/** Some faults by chance for each seed; and all that befall clocks, once. */
const runs = Array.from({ length: seeds }, (_, i): [seed: number, faults?: readonly string[]] => [
  firstSeed + i,
]);
runs.push([firstSeed + seeds, clockFaultNames]);

for (const [seed, faults] of runs) {
  const what = faults ? 'wherever clocks jump' : 'whatever befalls the members';
  test(`seed ${seed}: no acknowledged write is lost, compare-and-set is linearizable, ${what}`, async (t) => {
    const random = new SeededRandom(seed);
    const befalls =
      faults ??
      Array.from({ length: faultsPerSeed }, () =>
        must(faultNames[random.below(faultNames.length)], 'no fault'),
      );
    const address = etcd.address();
    const open = (n: number): Promise<EtcdStore> =>
      EtcdStore.open({
        address,
        clock: jumpyClock(seed + n),
        random: systemRandom,
        logger: silentLogger,
        limits,
      });
    const stores = [await open(0), await open(1), await open(2)];
    const [one, two, three] = stores;
    assert.ok(one && two && three);
    const start = await one.revision();
    const ended = new AbortController();

    const live: WatchBatch[] = [];
    const watching = (async () => {
      const options = { fromRevision: start + 1, signal: ended.signal, bookmarks: true };
      for await (const batch of three.watch('/k/', options)) live.push(batch);
    })();
    const lease = await two.lease(10_000);
    await two.txn({ success: [{ op: 'put', key: '/lease', value: '', lease: lease.id }] });
    const keeping = keep(lease, ended.signal);

    const clients = new Clients(stores, 2, seed);
    for (const fault of befalls) {
      const disk = etcd.members.some((member) => member.disk) ? '' : ' (disks are slowed by pauses)';
      t.diagnostic(`seed ${seed}: ${fault}${disk}`);
      await delay(500);
      await strike(etcd, fault, random);
    }
    await clients.stop();

    const end = await put(one, '/end', '');
    const events = eventsOf(await watchUntil(two, '/k/', start + 1, end));
    const puts = events.map((event) => {
      assert.ok(event.type === 'put');
      return { key: event.key, revision: event.revision, value: event.entry.value };
    });
    const { ops } = clients;
    const unknown = ops.filter((op) => op.kind === 'write' && op.outcome === 'unknown').length;
    t.diagnostic(
      `seed ${seed}: ${ops.length} operations, ${puts.length} writes, ${unknown} of unknown outcome`,
    );
    assert.deepEqual(checkHistory({ ops, events: puts }).slice(0, 10), []);
    assert.ok(puts.length > 0, 'something was written');

    const untilMs = systemClock.monotonic() + 120_000;
    while ((live.at(-1)?.revision ?? 0) < end && systemClock.monotonic() < untilMs) await delay(50);
    const seen = eventsOf(live).map(({ key, revision }) => `${key}@${revision}`);
    assert.deepEqual(
      seen,
      events.map(({ key, revision }) => `${key}@${revision}`),
      'a watcher who was there all the time saw the same',
    );

    ended.abort();
    await watching;
    outlived(await keeping, lease);
    for (const store of stores) await store.close();
  });
}

test('a lease that is kept outlives every jump of the clock, and one that is not ends in its time', async (t) => {
  await using store = await etcd.open();
  const hourS = 3600;
  const ended = new AbortController();
  const kept = await store.lease(10_000);
  const keeping = keep(kept, ended.signal);
  for (const offsetS of [hourS, -hourS]) {
    const askedMs = systemClock.monotonic();
    const lease = await store.lease(2000);
    await store.txn({ success: [{ op: 'put', key: '/left', value: '', lease: lease.id }] });
    const leader = await present(etcd);
    const isBack = offsetS < must(leader.clock, 'no clock').offsetS;
    await setClock(leader, offsetS);
    const elapsedMs = (): number => systemClock.monotonic() - askedMs;
    let movedMs: number | undefined;
    while ((await store.get('/left')).entry) {
      assert.ok(elapsedMs() < 120_000, `with the clock set to ${offsetS} s the lease has no end`);
      if (isBack && endsByWallClock(await leader.version()) && movedMs === undefined && elapsedMs() > 6000) {
        movedMs = elapsedMs();
        await etcd.moveLeader();
      }
      await delay(50);
    }
    const moved = movedMs === undefined ? '' : ', and ended only under another leader';
    const lasted = `a lease of ${lease.ttlMs} ms lasted ${Math.round(elapsedMs())} ms${moved}`;
    t.diagnostic(`with the leader's clock set to ${offsetS} s ${lasted}`);
    assert.ok(elapsedMs() >= lease.ttlMs, `with the clock set to ${offsetS} s ${lasted}`);
  }
  for (const member of etcd.members) await setClock(member, 0);
  ended.abort();
  outlived(await keeping, kept);
});

/** Before 3.5 a leader whose clock was set back ends what nobody has kept since only when that clock is there again. */
function endsByWallClock(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < 3 || (major === 3 && minor < 5);
}

test('a client whose member is cut off from the others goes to one that is not', async () => {
  const leader = await present(etcd);
  const store = await EtcdStore.open({
    address: etcd.address([leader.endpoint, ...etcd.members.map(({ endpoint }) => endpoint)]),
    clock: systemClock,
    // Begins with the first endpoint.
    random: { ...systemRandom, below: () => 0 },
    logger: silentLogger,
    limits: { ...limits, requestTimeoutMs: 60_000 },
  });
  await put(store, '/a', 'before');
  await etcd.isolate(leader);
  assert.equal((await store.get('/a')).entry?.value, 'before');
  await put(store, '/a', 'meanwhile');
  assert.notEqual(await present(etcd), leader, 'another leads');
  etcd.join();
  await etcd.answers(leader);
  assert.equal((await store.get('/a')).entry?.value, 'meanwhile');
  await store.close();
});

test('after the leader was killed writes go on', async (t) => {
  await using store = await etcd.open();
  const stop = new AbortController();
  const write = (key: string, acknowledgedMs: number[]): Promise<void> =>
    put(store, key, '').then(
      () => void acknowledgedMs.push(systemClock.monotonic()),
      () => {},
    );
  const many: number[] = [];
  const writes: Promise<void>[] = [];
  const writing = (async () => {
    for (let i = 0; !stop.signal.aborted; i += 1) {
      writes.push(write(`/p/${i % 10}`, many));
      await delay(25);
    }
  })();
  // What it sends to the leader that dies may be lost without a word.
  const single: number[] = [];
  const oneByOne = (async () => {
    while (!stop.signal.aborted) {
      await write('/q', single);
      await delay(25);
    }
  })();
  await delay(1000);
  const leader = await present(etcd);
  const killedMs = systemClock.monotonic();
  await leader.kill();
  const untilMs = killedMs + 120_000;
  const goOn = (): boolean => [many, single].every((times) => times.some((ms) => ms > killedMs + 5000));
  while (!goOn() && systemClock.monotonic() < untilMs) await delay(50);
  stop.abort();
  await Promise.all([writing, oneByOne]);
  await Promise.all(writes);
  assert.ok(goOn());
  const longest = (times: readonly number[]): number =>
    Math.round(Math.max(...times.map((ms, i) => ms - (times[i - 1] ?? ms))));
  t.diagnostic(
    `longest time without an acknowledged write: ${longest(many)} ms; of who writes one after the other: ${longest(single)} ms`,
  );
  leader.start();
  await etcd.answers(leader);
});
