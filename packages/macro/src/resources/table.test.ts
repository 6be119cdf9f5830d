import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, silentLogger } from '@kraud/base';
import type { PodPhase } from '../model/index.ts';
import { samplePod } from '../model/samples.ts';
import { openMemoryStore } from '../store/memory/open.ts';
import { Tables } from './tables.ts';

const key = (name: string) => ({ tenant: 'default', namespace: 'default', name });

async function setUp() {
  const clock = new FakeClock();
  const store = openMemoryStore({ clock });
  const tables = new Tables({ store, clock, logger: silentLogger });
  const stop = new AbortController();
  const running = tables.run(stop.signal);
  await tables.ready();
  const { pods } = tables;
  const setPhase = (name: string, phase: PodPhase) =>
    pods.mutate(key(name), (pod) => ({ ...pod, status: { ...pod.status, phase } }));
  return {
    store,
    pods,
    setPhase,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
      await store.close();
    },
  };
}

describe('table', () => {
  test('a caller reads what it wrote', async () => {
    await using world = await setUp();
    const { pods } = world;
    const pod = await pods.create(samplePod('a'));
    assert.equal(pods.get(key('a')), pods.byUid('default', pod.meta.uid));
    assert.equal(pods.byUid('other', pod.meta.uid), undefined);
    await world.setPhase('a', 'starting');
    assert.equal(pods.list('default')[0]?.status.phase, 'starting');
    await pods.rename(key('a'), 'b');
    assert.equal(pods.get(key('a')), undefined);
    assert.equal(pods.byUid('default', pod.meta.uid)?.meta.name, 'b');
    await pods.delete(key('b'));
    assert.deepEqual(pods.list('default'), []);
  });

  test('follow sees every version in order, a rename as one, and the end', async () => {
    await using world = await setUp();
    const { pods, setPhase } = world;
    const { meta } = await pods.create(samplePod('a'));
    const seen: string[] = [];
    const gone = pods.follow('default', meta.uid, (version) => {
      seen.push(version ? `${version.meta.name} ${version.status.phase}` : 'gone');
      return version ? undefined : 'done';
    });
    assert.deepEqual(seen, ['a created']);
    await Promise.all([setPhase('a', 'starting')]);
    await setPhase('a', 'running');
    await pods.rename(key('a'), 'b');
    await setPhase('b', 'exited');
    await pods.delete(key('b'));
    assert.equal(await gone, 'done');
    assert.deepEqual(seen, ['a created', 'a starting', 'a running', 'b running', 'b exited', 'gone']);
  });

  test('follow answers at once, passes on what look throws, and ends with its signal', async () => {
    await using world = await setUp();
    const { pods } = world;
    const { meta } = await pods.create(samplePod('a'));
    assert.equal(await pods.follow('default', meta.uid, (pod) => pod?.meta.name), 'a');
    assert.equal(await pods.follow('other', meta.uid, (pod) => pod ?? 'none'), 'none');
    const failing = pods.follow('default', meta.uid, () => {
      throw new Error('no');
    });
    await assert.rejects(failing, { message: 'no' });
    const stop = new AbortController();
    const waiting = pods.follow('default', meta.uid, () => undefined, stop.signal);
    stop.abort(new Error('enough'));
    await assert.rejects(waiting, { message: 'enough' });
    await assert.rejects(
      pods.follow('default', meta.uid, () => undefined, stop.signal),
      {
        message: 'enough',
      },
    );
  });

  test('who waits when it is stopped is told', async () => {
    const world = await setUp();
    const waiting = world.pods.follow('default', 'f'.repeat(64), () => undefined);
    const late = world.pods.cache.reached(1000);
    await Promise.all([
      assert.rejects(waiting, { code: 'unavailable' }),
      assert.rejects(late, { code: 'unavailable' }),
      world[Symbol.asyncDispose](),
    ]);
  });

  test('indexes follow changes', async () => {
    await using world = await setUp();
    const { pods } = world;
    await pods.create(samplePod('a', { meta: { labels: { app: 'web', tier: '1' } } }));
    await pods.create(samplePod('b', { meta: { labels: { app: 'db' } } }));
    const names = (index: string, value: string) =>
      pods.cache
        .by(index, value)
        .map((pod) => pod.meta.name)
        .sort();
    assert.deepEqual(names('label', 'app'), ['a', 'b']);
    assert.deepEqual(names('label', 'app=web'), ['a']);
    await pods.mutate(key('a'), (pod) => ({
      ...pod,
      meta: { ...pod.meta, labels: { app: 'db' } },
      spec: { ...pod.spec, host: 'alpha' },
    }));
    assert.deepEqual(names('label', 'app=web'), []);
    assert.deepEqual(names('label', 'app=db'), ['a', 'b']);
    assert.deepEqual(names('host', 'alpha'), ['a']);
    const uid = pods.get(key('a'))?.meta.uid ?? '';
    assert.equal(pods.cache.byUidPrefix('default', uid.slice(0, 12))?.meta.name, 'a');
    assert.equal(pods.cache.byUidPrefix('other', uid.slice(0, 12)), undefined);
    assert.throws(() => pods.cache.byUidPrefix('default', ''), { code: 'conflict' });
  });
});
