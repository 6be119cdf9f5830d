import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '@kraud/base';
import { samplePod } from '../model/samples.ts';
import type { Compare } from '../store/contract.ts';
import { openMemoryStore } from '../store/memory/open.ts';
import { ResourceClient } from './client.ts';

const key = (name: string) => ({ tenant: 'default', namespace: 'default', name });

function setUp() {
  const clock = new FakeClock();
  const store = openMemoryStore({ clock });
  return { store, pods: new ResourceClient('Pod', { store, clock }) };
}

describe('resource client', () => {
  test('create, read, change: the revision is the store’s, the generation counts changes of spec', async () => {
    const { store, pods } = setUp();
    const created = await pods.create(samplePod('a'));
    assert.equal(created.meta.revision, await store.revision());
    assert.deepEqual(await pods.get(key('a')), created);
    const relabeled = await pods.mutate(key('a'), (pod) => ({
      ...pod,
      meta: { ...pod.meta, labels: { x: 'y' } },
    }));
    assert.equal(relabeled.meta.generation, 1);
    const changed = await pods.mutate(key('a'), (pod) => {
      pod.spec.memoryMiB = 256;
      return pod;
    });
    assert.equal(changed.meta.generation, 2);
    assert.equal(changed.meta.revision, await store.revision());
    assert.deepEqual((await pods.list('default')).resources, [changed]);
    assert.deepEqual((await pods.list('other')).resources, []);
  });

  test('a taken name is refused; the same creation again is not', async () => {
    const { pods } = setUp();
    const first = await pods.create(samplePod('a'));
    assert.deepEqual(await pods.create(samplePod('a')), first);
    const other = samplePod('a', { meta: { uid: 'f'.repeat(64) } });
    await assert.rejects(pods.create(other), { code: 'exists' });
  });

  test('an update based on an old version is a conflict and changes nothing', async () => {
    const { pods } = setUp();
    const old = await pods.create(samplePod('a'));
    const spec = { ...old.spec, memoryMiB: 512 };
    await pods.update({ ...old, spec });
    await assert.rejects(pods.update({ ...old, spec: { ...spec, memoryMiB: 1024 } }), { code: 'conflict' });
    assert.equal((await pods.get(key('a')))?.spec.memoryMiB, 512);
  });

  test('mutations race without undoing each other, whatever they guess', async () => {
    const { pods } = setUp();
    const guess = await pods.create(samplePod('a', { spec: { memoryMiB: 100 } }));
    const bump = () =>
      pods.mutate(key('a'), (pod) => ({ ...pod, spec: { ...pod.spec, memoryMiB: pod.spec.memoryMiB + 1 } }), {
        guess,
      });
    await Promise.all(Array.from({ length: 20 }, bump));
    assert.equal((await pods.get(key('a')))?.spec.memoryMiB, 120);
  });

  test('a change that needs more of the store fails when that does not hold, whoever changes the resource', async () => {
    const { pods, store } = setUp();
    const guess = await pods.create(samplePod('a', { spec: { memoryMiB: 100 } }));
    const bump = (also: Compare[]) =>
      pods.mutate(key('a'), (pod) => ({ ...pod, spec: { ...pod.spec, memoryMiB: pod.spec.memoryMiB + 1 } }), {
        guess,
        also,
      });
    const free: Compare = { key: '/lease/host/alpha', target: 'exists', is: false };
    assert.equal((await bump([free])).spec.memoryMiB, 101);
    await store.txn({ success: [{ op: 'put', key: '/lease/host/alpha', value: '' }] });
    await Promise.all([assert.rejects(bump([free]), { code: 'conflict' }), bump([]), bump([])]);
    assert.equal((await pods.get(key('a')))?.spec.memoryMiB, 103);
  });

  test('a refusal is believed of the present version only', async () => {
    const { pods } = setUp();
    const guess = await pods.create(samplePod('a'));
    await pods.mutate(key('a'), (pod) => ({ ...pod, spec: { ...pod.spec, memoryMiB: 256 } }));
    const result = await pods.mutate(
      key('a'),
      (pod) => {
        if (pod.spec.memoryMiB !== 256) throw new Error('an old version');
        return { ...pod, spec: { ...pod.spec, memoryMiB: 512 } };
      },
      { guess },
    );
    assert.equal(result.spec.memoryMiB, 512);
    await assert.rejects(
      pods.mutate(key('a'), () => {
        throw new Error('no');
      }),
      { message: 'no' },
    );
    const left = await pods.mutate(key('a'), () => undefined);
    assert.deepEqual(left, await pods.get(key('a')));
    await assert.rejects(
      pods.mutate(key('none'), () => undefined),
      { code: 'not-found' },
    );
  });

  test('nothing changed writes nothing', async () => {
    const { store, pods } = setUp();
    await pods.create(samplePod('a'));
    const before = await store.revision();
    await pods.mutate(key('a'), (pod) => pod);
    assert.equal(await store.revision(), before);
  });

  test('without finalizers it goes at once; with them it is marked and goes with the last', async () => {
    const { pods } = setUp();
    await pods.create(samplePod('a'));
    await pods.delete(key('a'));
    assert.equal(await pods.get(key('a')), undefined);
    assert.equal(await pods.delete(key('a')), 0);

    await pods.create(samplePod('b', { meta: { finalizers: ['host', 'network'] } }));
    await pods.delete(key('b'));
    const marked = await pods.get(key('b'));
    assert.ok(marked?.meta.deletedAt);
    assert.equal(await pods.delete(key('b')), 0);
    const without = (done: string) =>
      pods.mutate(key('b'), (pod) => {
        pod.meta.finalizers = pod.meta.finalizers.filter((finalizer) => finalizer !== done);
        return pod;
      });
    await without('host');
    assert.ok(await pods.get(key('b')));
    await without('network');
    assert.equal(await pods.get(key('b')), undefined);
  });

  test('delete by uid leaves a namesake alone', async () => {
    const { pods } = setUp();
    await pods.create(samplePod('a'));
    await pods.delete(key('a'), { uid: 'f'.repeat(64) });
    assert.ok(await pods.get(key('a')));
  });

  test('rename is one revision, and refuses a taken name', async () => {
    const { store, pods } = setUp();
    const { meta } = await pods.create(samplePod('a'));
    await pods.create(samplePod('b'));
    const before = await store.revision();
    await assert.rejects(pods.rename(key('a'), 'b'), { code: 'exists' });
    const renamed = await pods.rename(key('a'), 'c');
    assert.equal(renamed.meta.uid, meta.uid);
    assert.equal(await store.revision(), before + 1);
    assert.equal(await pods.get(key('a')), undefined);
    assert.equal((await pods.get(key('c')))?.meta.name, 'c');
  });

  test('what no writer may change is a bug, and nothing is written', async () => {
    const { pods } = setUp();
    await pods.create(samplePod('a'));
    const uid = 'f'.repeat(64);
    const bug = { name: 'AssertionError' };
    await assert.rejects(
      pods.mutate(key('a'), (pod) => ({ ...pod, meta: { ...pod.meta, uid } })),
      bug,
    );
    await assert.rejects(
      pods.mutate(key('a'), (pod) => ({ ...pod, status: { ...pod.status, phase: 'paused' } })),
      bug,
    );
    await assert.rejects(
      pods.mutate(key('a'), (pod) => ({ ...pod, spec: { ...pod.spec, memoryMiB: 0 } })),
      { code: 'invalid' },
    );
    assert.equal((await pods.get(key('a')))?.status.phase, 'created');
  });
});
