import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, SeededRandom } from '@kraud/base';
import { openMemoryStore } from '../store/memory/open.ts';
import { EventLog, type EventRange } from './event-log.ts';
import { trimEvents } from './retention.ts';

function setUp() {
  const clock = new FakeClock();
  const store = openMemoryStore({ clock });
  const log = new EventLog({ store, clock, random: new SeededRandom(1) });
  const say = (action: string, tenant = 'default') =>
    log.append(tenant, { type: 'container', action, actor: 'x', attributes: { name: 'web' } });
  const nowNs = () => BigInt(clock.now()) * 1_000_000n;
  /** Reads until so many events have come, or the stream ends. */
  const read = async (
    range: EventRange,
    count = Number.POSITIVE_INFINITY,
    tenant = 'default',
  ): Promise<string[]> => {
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const event of log.stream(tenant, range, stop.signal)) {
      seen.push(event.spec.action);
      if (seen.length >= count) stop.abort();
    }
    return seen;
  };
  return { clock, store, log, say, nowNs, read };
}

describe('event log', () => {
  test('times never repeat, and the order is that of recording', async () => {
    const { say, log } = setUp();
    await Promise.all(['a', 'b', 'c'].map((action) => say(action)));
    const stop = new AbortController();
    const times: bigint[] = [];
    for await (const { spec, meta } of log.stream('default', { sinceNs: 0n }, stop.signal)) {
      times.push(BigInt(spec.timeNano));
      assert.ok(meta.name.startsWith(spec.timeNano.padStart(20, '0')));
      if (times.length === 3) stop.abort();
    }
    assert.deepEqual(
      times,
      [...times].sort((a, b) => (a < b ? -1 : 1)),
    );
    assert.equal(new Set(times).size, 3);
  });

  test('since gives what was, then what comes; without it only what comes; others see nothing', async () => {
    const { clock, say, nowNs, read } = setUp();
    await say('old');
    await clock.advance(1000);
    const sinceNs = nowNs();
    await say('recent');
    const [from, all, live] = [read({ sinceNs }, 2), read({ sinceNs: 0n }, 3), read({}, 1)];
    await new Promise((resolve) => setImmediate(resolve));
    await say('theirs', 'other');
    await say('new');
    assert.deepEqual(await from, ['recent', 'new']);
    assert.deepEqual(await all, ['old', 'recent', 'new']);
    assert.deepEqual(await live, ['new']);
  });

  test('until ends it: at once when it is past, in time when it is not', async () => {
    const { clock, say, nowNs, read } = setUp();
    await say('a');
    await clock.advance(1000);
    const untilNs = nowNs();
    await clock.advance(1000);
    await say('b');
    const past = read({ sinceNs: 0n, untilNs });
    await clock.advance(1);
    assert.deepEqual(await past, ['a']);

    const bounded = read({ sinceNs: 0n, untilNs: nowNs() + 5_000_000_000n });
    await clock.advance(1000);
    await say('c');
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(4001);
    assert.deepEqual(await bounded, ['a', 'b', 'c']);
  });

  test('a reader that compaction overtakes loses and repeats nothing', async () => {
    const { store, log, say } = setUp();
    const stop = new AbortController();
    const seen: string[] = [];
    await say('0');
    for await (const event of log.stream('default', { sinceNs: 0n }, stop.signal)) {
      seen.push(event.spec.action);
      if (seen.length < 5) {
        await say(String(seen.length));
        await store.compact(await store.revision());
      } else stop.abort();
    }
    assert.deepEqual(seen, ['0', '1', '2', '3', '4']);
  });

  test('retention: the oldest go by age and by number, for each tenant', async () => {
    const { clock, store, say, read } = setUp();
    await say('ancient');
    await clock.advance(10_000);
    for (let i = 0; i < 300; i += 1) await say(String(i));
    await say('theirs', 'other');
    const limits = { eventsMaxPerTenant: 10, eventAgeMaxMs: 5000 };
    assert.equal(await trimEvents(store, clock, limits), 291);
    assert.equal(await trimEvents(store, clock, limits), 0);
    assert.deepEqual(
      await read({ sinceNs: 0n }, 10),
      Array.from({ length: 10 }, (_, i) => String(290 + i)),
    );
    assert.deepEqual(await read({ sinceNs: 0n }, 1, 'other'), ['theirs']);
    await clock.advance(5001);
    assert.equal(await trimEvents(store, clock, limits), 11);
  });
});
