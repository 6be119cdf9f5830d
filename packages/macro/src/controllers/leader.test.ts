import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, silentLogger } from '@kraud/base';
import type { Store } from '../store/contract.ts';
import { openMemoryStore } from '../store/memory/open.ts';
import { LeaseLeader } from './leader.ts';

function setUp() {
  const clock = new FakeClock();
  const store = openMemoryStore({ clock });
  const leading = new Set<string>();
  let together = 0;
  const start = (identity: string, over: Store = store) => {
    const stop = new AbortController();
    const leader = new LeaseLeader('test', identity, { store: over, clock, logger: silentLogger });
    const ended = leader.run(stop.signal, async (term) => {
      leading.add(identity);
      together = Math.max(together, leading.size);
      if (!term.aborted) await new Promise((resolve) => term.addEventListener('abort', resolve));
      leading.delete(identity);
    });
    return { stop, ended };
  };
  const until = async (wanted: string): Promise<void> => {
    for (let steps = 0; ![...leading].includes(wanted); steps += 1) {
      assert.ok(steps < 1000, `${wanted} never leads`);
      await clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { clock, store, leading, start, until, together: () => together };
}

describe('leader', () => {
  test('one at a time; when it stops, another takes over at once', async () => {
    const { clock, leading, start, until, together } = setUp();
    const a = start('a');
    await until('a');
    const b = start('b');
    await clock.advance(60_000);
    assert.deepEqual([...leading], ['a']);
    a.stop.abort();
    await a.ended;
    await until('b');
    b.stop.abort();
    await b.ended;
    assert.equal(together(), 1);
  });

  test('cut off from the store it stops before another starts', async () => {
    const { clock, store, leading, start, until, together } = setUp();
    let cut = false;
    const never = new Promise<never>(() => {});
    const flaky: Store = new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        if (name !== 'lease') return value.bind(target);
        return async (ttlMs: number) => {
          const lease = await target.lease(ttlMs);
          return {
            ...lease,
            keepAlive: () => (cut ? never : lease.keepAlive()),
            revoke: () => (cut ? never : lease.revoke()),
          };
        };
      },
    });
    const a = start('a', flaky);
    await until('a');
    const b = start('b');
    await clock.advance(30_000);
    cut = true;
    await until('b');
    assert.deepEqual([...leading], ['b']);
    assert.equal(together(), 1);
    a.stop.abort();
    b.stop.abort();
    await b.ended;
  });

  test('the same identity, started anew after a kill, does not wait for its old lease', async () => {
    const { clock, store, leading, start, until } = setUp();
    const lease = await store.lease(10_000);
    await store.txn({ success: [{ op: 'put', key: '/leader/test', value: 'a', lease: lease.id }] });
    const before = clock.monotonic();
    const a = start('a');
    await until('a');
    assert.ok(clock.monotonic() - before < 1000);
    await clock.advance(30_000);
    assert.deepEqual([...leading], ['a']);
    a.stop.abort();
    await a.ended;
  });
});
