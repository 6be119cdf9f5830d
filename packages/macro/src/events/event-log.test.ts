import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, SeededRandom } from '@kraud/base';
import type { Event } from '../model/index.ts';
import { storeLimits, type TxnRequest } from '../store/contract.ts';
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

async function collect(events: AsyncIterable<Event>): Promise<Event[]> {
  const all: Event[] = [];
  for await (const event of events) all.push(event);
  return all;
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

  test('what has its time is written in its turn, and before any end that it is not past', async () => {
    const { clock, store, log, say, nowNs, read } = setUp();
    // A store that is in no hurry with the first, as one may be that is asked by several at once.
    const held = Promise.withResolvers<void>();
    const slow = new EventLog({
      store: new Proxy(store, {
        get: (target, name) =>
          name === 'txn'
            ? async (request: TxnRequest) => {
                if (JSON.stringify(request).includes('first')) await held.promise;
                return await target.txn(request);
              }
            : Reflect.get(target, name, target).bind(target),
      }),
      clock,
      random: new SeededRandom(2),
    });
    const tell = (action: string) =>
      slow.append('default', { type: 'container', action, actor: 'x', attributes: {} });
    const stop = new AbortController();
    const live = slow.stream('default', {}, stop.signal);
    const seen = live.next();
    const told = [tell('first'), tell('second')];
    const untilNs = nowNs() + 999_999n;
    await clock.advance(1);
    const ended = collect(slow.stream('default', { sinceNs: 0n, untilNs }, stop.signal));
    await new Promise((resolve) => setImmediate(resolve));
    held.resolve();
    await Promise.all(told);
    await tell('third');
    assert.deepEqual(
      (await ended).map(({ spec }) => spec.action),
      ['first', 'second'],
    );
    const order = [await seen, await live.next(), await live.next()];
    assert.deepEqual(
      order.map(({ value }) => value?.spec.action),
      ['first', 'second', 'third'],
    );
    stop.abort();
    assert.deepEqual(await read({ sinceNs: 0n, untilNs }), ['first', 'second']);
    log.goOnAfter(slow.lastNs);
    await say('fourth');
  });

  test('one that the store does not take is no loss to those that are told beside it', async () => {
    const { log, say, read, nowNs, clock } = setUp();
    const label = 'x'.repeat(storeLimits.valueBytesMax);
    const tooMuch = log.append('default', { type: 'container', action: 'b', actor: label, attributes: {} });
    const all = [say('a'), assert.rejects(tooMuch, { code: 'invalid' }), say('c')];
    await Promise.all(all);
    await clock.advance(1);
    assert.deepEqual(await read({ sinceNs: 0n, untilNs: nowNs() - 1n }), ['a', 'c']);
  });

  test('an end that is farther away than a timer goes', async () => {
    const { clock, say, nowNs, read } = setUp();
    const day = 24 * 3600 * 1000;
    const far = read({ untilNs: nowNs() + BigInt(60 * day) * 1_000_000n });
    for (let i = 0; i < 59; i += 1) await clock.advance(day);
    await say('late');
    await clock.advance(2 * day);
    assert.deepEqual(await far, ['late']);
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
