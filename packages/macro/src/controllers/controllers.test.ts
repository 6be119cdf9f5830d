import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodSpec } from '../model/index.ts';
import { sampleHost, samplePod, sampleVolume } from '../model/samples.ts';
import { SmallWorld } from './small-world.ts';

const key = (name: string) => ({ tenant: 'default', namespace: 'default', name });
const run = { wanted: 'running', serial: 1, stoppedByUser: false } as const;

async function inWorld(script: (world: SmallWorld) => Promise<void>): Promise<void> {
  const world = new SmallWorld();
  await world.start();
  world.runControllers();
  try {
    await script(world);
  } finally {
    await world.stop();
  }
}

const stopped = (spec: PodSpec): PodSpec => ({
  ...spec,
  run: { ...spec.run, wanted: 'stopped', stoppedByUser: true },
});

describe('controllers', () => {
  test('a pod is bound, runs, and its events tell', () =>
    inWorld(async (world) => {
      const { pods } = world.tables;
      world.runHost(() => ({ lastsMs: 1000, code: 3 }));
      await pods.create(samplePod('web', { spec: { run } }));
      await world.until(() => pods.get(key('web'))?.status.phase === 'exited');
      assert.equal(pods.get(key('web'))?.spec.host, 'alpha');
      assert.deepEqual(pods.get(key('web'))?.meta.finalizers, ['host']);
      await pods.delete(key('web'));
      await world.until(async () => (await world.eventsOf('web')).includes('destroy'));
      assert.deepEqual(await world.eventsOf('web'), ['start', 'die 3', 'destroy']);
    }));

  test('a pod that fits nowhere says why, and is bound once it does', () =>
    inWorld(async (world) => {
      const { pods, hosts } = world.tables;
      await hosts.mutate(key('alpha'), (host) => ({ ...host, status: { ...host.status, ready: false } }));
      await pods.create(samplePod('web', { spec: { run } }));
      await world.until(() => pods.get(key('web'))?.status.message !== '');
      assert.equal(pods.get(key('web'))?.status.message, "host alpha can't take it: not ready");
      await hosts.create(sampleHost('beta'));
      await world.until(() => pods.get(key('web'))?.spec.host !== undefined);
      assert.equal(pods.get(key('web'))?.spec.host, 'beta');
      assert.equal(pods.get(key('web'))?.status.message, '');
    }));

  test('a pod that no host ever had can be deleted', () =>
    inWorld(async (world) => {
      const { pods, hosts } = world.tables;
      await hosts.delete(key('alpha'));
      await pods.create(samplePod('web', { meta: { finalizers: ['host'] } }));
      await pods.delete(key('web'));
      await world.until(() => pods.get(key('web')) === undefined);
    }));

  test('on-failure with a limit: so many restarts and no more', () =>
    inWorld(async (world) => {
      const { pods } = world.tables;
      world.runHost(() => ({ lastsMs: 10, code: 1 }));
      await pods.create(samplePod('job', { spec: { run, restart: { name: 'on-failure', retriesMax: 2 } } }));
      await world.until(async () => (await world.eventsOf('job')).length === 6);
      await world.clock.advance(120_000);
      assert.deepEqual(await world.eventsOf('job'), ['start', 'die 1', 'start', 'die 1', 'start', 'die 1']);
      const status = pods.get(key('job'))?.status;
      assert.deepEqual([status?.phase, status?.restartCount, status?.serial], ['exited', 2, 3]);
    }));

  test('a stop by the user holds, also while it waits for its restart', () =>
    inWorld(async (world) => {
      const { pods } = world.tables;
      world.runHost((pod) => ({ lastsMs: pod.meta.name === 'crash' ? 10 : 1e9, code: 1 }));
      for (const name of ['crash', 'long']) {
        await pods.create(samplePod(name, { spec: { run, restart: { name: 'always', retriesMax: 0 } } }));
      }
      await world.until(() => pods.get(key('long'))?.status.phase === 'running');
      await pods.mutate(key('long'), (pod) => ({ ...pod, spec: stopped(pod.spec) }));
      await world.until(() => (pods.get(key('crash'))?.status.restart?.delayMs ?? 0) >= 6400);
      await world.until(() => pods.get(key('crash'))?.status.phase === 'restarting');
      await pods.mutate(key('crash'), (pod) => ({ ...pod, spec: stopped(pod.spec) }));
      await world.until(() => pods.list('default').every((pod) => pod.status.phase === 'exited'));
      await world.clock.advance(120_000);
      assert.deepEqual(await world.eventsOf('long'), ['start', 'die 1']);
      assert.ok(pods.list('default').every((pod) => pod.status.phase === 'exited'));
    }));

  test('with a new daemon, `always` comes back from a stop by the user and `unless-stopped` does not', async () => {
    const world = new SmallWorld();
    await world.start();
    const { pods } = world.tables;
    const first = new AbortController();
    const before = world.controllers(first.signal);
    world.runHost(() => ({ lastsMs: 1e9, code: 0 }));
    for (const name of ['always', 'unless-stopped'] as const) {
      await pods.create(samplePod(name, { spec: { run, restart: { name, retriesMax: 0 } } }));
    }
    const phases = () => pods.list('default').map((pod) => pod.status.phase);
    await world.until(() => phases().every((phase) => phase === 'running'));
    for (const pod of pods.list('default')) {
      await pods.mutate(pod.meta, (present) => ({ ...present, spec: stopped(present.spec) }));
    }
    await world.until(() => phases().every((phase) => phase === 'exited'));
    first.abort();
    await before;
    world.runControllers();
    await world.until(() => pods.get(key('always'))?.status.phase === 'running');
    await world.clock.advance(60_000);
    assert.equal(pods.get(key('unless-stopped'))?.status.phase, 'exited');
    await world.stop();
  });

  test('auto-remove takes the pod after its run, and its anonymous volumes after it', () =>
    inWorld(async (world) => {
      const { pods, volumes } = world.tables;
      world.runHost(() => ({ lastsMs: 100, code: 0 }));
      const pod = samplePod('once', { spec: { run, autoRemove: true } });
      const mount = { type: 'volume', volume: 'anon', target: '/d', readOnly: false, copyUp: true } as const;
      pod.spec.containers[0]?.mounts.push(
        { ...mount, anonymous: true },
        { ...mount, volume: 'kept', anonymous: false },
      );
      const owner = { kind: 'Pod', uid: pod.meta.uid, name: 'once' };
      await volumes.create(sampleVolume('anon', { owner }));
      await volumes.create(sampleVolume('kept', { owner }));
      await pods.create(pod);
      await pods.create(samplePod('unused', { spec: { autoRemove: true } }));
      await world.until(() => volumes.list('default').length === 1);
      assert.equal(volumes.list('default')[0]?.meta.name, 'kept');
      assert.deepEqual(
        pods.list('default').map((left) => left.meta.name),
        ['unused'],
      );
      assert.deepEqual(await world.eventsOf('once'), ['start', 'die 0', 'destroy']);
    }));
});
