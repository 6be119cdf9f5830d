import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, silentLogger } from '@kraud/base';
import { hostLeaseKey, openMemoryStore, type Store } from '@kraud/macro';
import { type Hold, HostLease } from './host-lease.ts';
import { parseHolder } from './lease-holder.ts';

const ttlMs = 15_000;

function setUp() {
  const clock = new FakeClock();
  const store = openMemoryStore({ clock });
  const host = (instance: string, over: Pick<Store, 'get' | 'txn' | 'lease'> = store) => {
    const holds: Hold[] = [];
    const lease = new HostLease({
      name: 'alpha',
      instance,
      store: over,
      ttlMs,
      clock,
      bootMs: () => clock.monotonic(),
      onHeld: async (hold) => void holds.push(hold),
      logger: silentLogger,
    });
    return { lease, holds, untilMs: () => holds.at(-1)?.untilMs ?? 0 };
  };
  const holder = async () => {
    const { entry } = await store.get(hostLeaseKey('alpha'));
    return entry && parseHolder(entry.value);
  };
  return { clock, store, host, holder };
}

/** A store that can be cut off: calls on it and on its leases never come back then. */
function cuttable(store: Store) {
  const line = { cut: false };
  const never = new Promise<never>(() => {});
  const guard = <T>(work: () => Promise<T>): Promise<T> => (line.cut ? never : work());
  const over: Pick<Store, 'get' | 'txn' | 'lease'> = {
    get: (key, options) => guard(() => store.get(key, options)),
    txn: (request) => guard(() => store.txn(request)),
    lease: (ms) =>
      guard(async () => {
        const lease = await store.lease(ms);
        return { ...lease, keepAlive: () => guard(() => lease.keepAlive()) };
      }),
  };
  return { line, over };
}

describe('the lease of a host', () => {
  test('it is kept for as long as the host runs, and outlives a stop by its time', async () => {
    const { clock, host, holder } = setUp();
    const { lease, holds, untilMs } = host('one');
    await lease.start();
    assert.deepEqual(await holder(), { instance: 'one', incarnation: 1 });
    await clock.advance(60_000);
    assert.ok(holds.length >= 12);
    assert.ok(untilMs() > clock.monotonic());
    await lease.stop();
    await clock.advance(ttlMs - 100);
    assert.ok(await holder(), 'a daemon that comes back in time finds it');
    await clock.advance(200);
    assert.equal(await holder(), undefined);
  });

  test('another host of the same name is refused by name, a next daemon of the same one takes over', async () => {
    const { host, holder } = setUp();
    const { lease } = host('one');
    await lease.start();
    await assert.rejects(host('two').lease.start(), {
      code: 'conflict',
      message: /called alpha.*another name/,
    });
    await lease.stop();
    const next = host('one');
    await next.lease.start();
    assert.deepEqual(await holder(), { instance: 'one', incarnation: 2 });
    await next.lease.stop();
  });

  test('cut off, it counts as held until well before it ends, and is claimed again afterwards', async () => {
    const { clock, store, host, holder } = setUp();
    const { line, over } = cuttable(store);
    const { lease, holds, untilMs } = host('one', over);
    await lease.start();
    await clock.advance(6_000);
    line.cut = true;
    const cutAtMs = clock.monotonic();
    const heldUntilMs = untilMs();
    assert.ok(heldUntilMs <= cutAtMs + (ttlMs * 2) / 3);
    let endedAtMs = 0;
    for (let steps = 0; endedAtMs === 0; steps += 1) {
      assert.ok(steps < 1000, 'it never ends');
      await clock.advance(100);
      if (!(await holder())) endedAtMs = clock.monotonic();
    }
    assert.ok(endedAtMs - heldUntilMs >= ttlMs / 3 - 100, 'a third is left to end what needs it');
    assert.equal(untilMs(), heldUntilMs, 'nothing made it longer');
    const [first] = holds;
    line.cut = false;
    await clock.advance(20_000);
    assert.ok(untilMs() > clock.monotonic());
    assert.ok((holds.at(-1)?.revision ?? 0) > (first?.revision ?? 0), 'a new claim');
    await lease.stop();
  });

  test('a slow answer counts from when it was asked for', async () => {
    const { clock, store, host } = setUp();
    const slow: Pick<Store, 'get' | 'txn' | 'lease'> = {
      get: (key) => store.get(key),
      txn: (request) => store.txn(request),
      lease: async (ms) => {
        const lease = await store.lease(ms);
        const keepAlive = async (): Promise<void> => {
          await lease.keepAlive();
          await clock.sleep(3_000);
        };
        return { ...lease, keepAlive };
      },
    };
    const { lease, holds } = host('one', slow);
    const startMs = clock.monotonic();
    await lease.start();
    await clock.advance(ttlMs / 3 + 3_000);
    assert.equal(holds.at(-1)?.untilMs, startMs + ttlMs / 3 + (ttlMs * 2) / 3);
    let stopped = false;
    void lease.stop().then(() => {
      stopped = true;
    });
    while (!stopped) {
      await clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
});
