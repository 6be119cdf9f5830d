import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, SeededRandom, silentLogger } from '@kraud/base';
import { EventLog } from '../events/event-log.ts';
import type { Event, Pod, UpdateState, Workload } from '../model/index.ts';
import { exitedPod, samplePod } from '../model/samples.ts';
import { ResourceClient } from '../resources/client.ts';
import { CompactedError, type TxnRequest } from '../store/contract.ts';
import { openMemoryStore } from '../store/memory/open.ts';
import { sampleSpec, WorkloadSim } from '../workloads/sim.ts';
import { ChangeEvents } from './change-events.ts';
import { Compactor } from './compactor.ts';
import { happenings, podEvents } from './pod-events.ts';
import { updateHappenings } from './workload-events.ts';

async function collect(events: AsyncIterable<Event>): Promise<Event[]> {
  const all: Event[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('compactor', () => {
  test('keeps what came since the call before, and what is still needed', async () => {
    const store = openMemoryStore();
    const put = async () => (await store.txn({ success: [{ op: 'put', key: '/a', value: 'x' }] })).revision;
    let needed = Number.POSITIVE_INFINITY;
    const compactor = new Compactor(store, () => needed);
    const first = await put();
    await compactor.compact();
    const second = await put();
    assert.ok((await store.get('/a', { revision: first })).entry);
    await compactor.compact();
    await put();
    await assert.rejects(store.get('/a', { revision: first - 1 }), CompactedError);
    assert.ok((await store.get('/a', { revision: second })).entry);
    needed = second;
    await compactor.compact();
    await compactor.compact();
    assert.ok((await store.get('/a', { revision: second })).entry);
    needed = 0;
    await compactor.compact();
  });
});

describe('events of updates', () => {
  test('each step is told once, with the one before', () => {
    const { workload } = new WorkloadSim(sampleSpec());
    assert.ok(workload);
    const begun: UpdateState = {
      ...{ state: 'updating', revision: 2, startedAt: '', message: '', slots: 1 },
      ...{ ready: {}, failed: [], past: {} },
    };
    const at = (state: UpdateState['state']): Workload => ({
      ...workload,
      status: { ...workload.status, update: { ...begun, state } },
    });
    const told = (before: Workload | undefined, after: Workload | undefined): object[] =>
      updateHappenings(before, after).map(({ attributes }) => attributes);
    assert.deepEqual(told(workload, at('updating')), [{ name: 'web', 'updatestate.new': 'updating' }]);
    assert.deepEqual(told(at('updating'), at('rollback-started')), [
      { name: 'web', 'updatestate.old': 'updating', 'updatestate.new': 'rollback_started' },
    ]);
    assert.deepEqual(told(at('paused'), at('paused')), []);
    assert.deepEqual(told(at('completed'), workload), []);
    assert.deepEqual(told(at('completed'), undefined), []);
  });
});

describe('pod events', () => {
  const exit = { startedAt: '2026-01-01T00:00:00.000Z', finishedAt: '2026-01-01T00:00:07.900Z' };
  const told = (before: Pod | undefined, after: Pod | undefined): string[] =>
    happenings(before, after).map(({ action, attributes }) =>
      action === 'die' ? `die ${attributes.exitCode} after ${attributes.execDuration} s` : action,
    );

  test('what a change of status means', () => {
    const created = samplePod('a');
    const exited = exitedPod('a', { ...exit, code: 137 });
    const oom = structuredClone(exited);
    for (const container of oom.status.containers) container.oomKilled = true;
    const healthy = structuredClone(exited);
    for (const container of healthy.status.containers) {
      delete container.finishedAt;
      container.health = { status: 'healthy', failingStreak: 0, log: [] };
    }
    assert.deepEqual(told(undefined, created), []);
    assert.deepEqual(told(created, exited), ['connect', 'start', 'die 137 after 7 s', 'disconnect']);
    assert.deepEqual(told(created, healthy), ['connect', 'start', 'health_status: healthy']);
    assert.deepEqual(told(healthy, oom), ['oom', 'die 137 after 7 s', 'disconnect']);
    assert.deepEqual(told(exited, exited), []);
    assert.deepEqual(told(exited, undefined), ['destroy']);
    for (const pod of [created, exited]) {
      pod.spec.networks = [];
      const data = { type: 'volume', volume: 'data', target: '/d', readOnly: true } as const;
      for (const container of pod.spec.containers) {
        container.mounts = [{ ...data, copyUp: false, anonymous: false }];
      }
    }
    assert.deepEqual(told(created, exited), ['mount', 'start', 'die 137 after 7 s', 'unmount']);
  });

  test('what a pod did is told as of when it did, though an earlier event is still being written', async () => {
    const clock = new FakeClock();
    const store = openMemoryStore({ clock });
    const held = Promise.withResolvers<void>();
    const slow = new Proxy(store, {
      get: (target, name) =>
        name === 'txn'
          ? async (request: TxnRequest) => {
              if (JSON.stringify(request).includes('destroy')) await held.promise;
              return await target.txn(request);
            }
          : Reflect.get(target, name, target).bind(target),
    });
    const log = new EventLog({ store: slow, clock, random: new SeededRandom(1) });
    const parts = { store: slow, log, clock, logger: silentLogger };
    const pods = new ResourceClient('Pod', { ...parts, store });
    const stop = new AbortController();
    const running = new ChangeEvents(podEvents, parts).run(stop.signal);
    await settled();
    for (const name of ['a', 'b']) {
      await pods.create(samplePod(name));
      await pods.delete({ tenant: 'default', namespace: 'default', name });
      await settled();
    }
    const untilNs = BigInt(clock.now()) * 1_000_000n + 999_999n;
    await clock.advance(1000);
    const told = log.append('default', {
      type: 'container',
      action: 'x',
      actor: 'x',
      attributes: { name: 'c' },
    });
    const seen = collect(log.stream('default', { sinceNs: 0n, untilNs }, stop.signal));
    const all = collect(
      log.stream('default', { sinceNs: 0n, untilNs: untilNs + 1_000_000_000n }, stop.signal),
    );
    await settled();
    held.resolve();
    await told;
    const names = async (events: Promise<Event[]>) => (await events).map(({ spec }) => spec.attributes.name);
    assert.deepEqual(await names(seen), ['a', 'b']);
    await clock.advance(1000);
    assert.deepEqual(await names(all), ['a', 'b', 'c']);
    stop.abort();
    await running;
  });

  test('when history was lost, it says so and goes on from there', async () => {
    const clock = new FakeClock();
    const store = openMemoryStore({ clock });
    const log = new EventLog({ store, clock, random: new SeededRandom(1) });
    const parts = { store, log, clock, logger: silentLogger };
    const pods = new ResourceClient('Pod', parts);
    const recordUntilIdle = async (): Promise<void> => {
      const stop = new AbortController();
      const running = new ChangeEvents(podEvents, parts).run(stop.signal);
      for (let i = 0; i < 5; i += 1) {
        await settled();
        await clock.advance(1000);
      }
      stop.abort();
      await running;
    };
    await recordUntilIdle();
    await pods.create(samplePod('lost'));
    await pods.delete({ tenant: 'default', namespace: 'default', name: 'lost' });
    await store.compact(await store.revision());
    await pods.create(samplePod('kept'));
    await pods.delete({ tenant: 'default', namespace: 'default', name: 'kept' });
    await recordUntilIdle();
    const { entries } = await store.list('/event/');
    assert.deepEqual(
      entries.map((entry) => JSON.parse(entry.value).spec.attributes.name),
      ['kept'],
    );
  });
});
