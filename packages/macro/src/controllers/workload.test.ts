import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SeededRandom } from '@kraud/base';
import {
  newWorkloadStatus,
  type Pod,
  type Workload,
  type WorkloadMode,
  type WorkloadSpec,
  workloadFinalizer,
} from '../model/index.ts';
import { sampleHost, sampleMeta, samplePod } from '../model/samples.ts';
import { sampleSpec } from '../workloads/sim.ts';
import { dyingStore } from './dying-store.ts';
import { SmallWorld } from './small-world.ts';

const key = { tenant: 'default', namespace: 'default', name: 'web' };

function workload(spec: WorkloadSpec, finalizers = [workloadFinalizer]): Workload {
  const meta = sampleMeta('Workload', 'web', { finalizers });
  return { kind: 'Workload', meta, spec, status: newWorkloadStatus(), given: {} };
}

const isUp = (pod: Pod): boolean => pod.status.phase === 'running';
const slotOf = (pod: Pod): string => pod.meta.labels['kr.slot'] ?? '';

async function inWorld(script: (world: SmallWorld) => Promise<void>): Promise<void> {
  const world = new SmallWorld();
  await world.start();
  await world.tables.hosts.create(sampleHost('beta'));
  for (const name of ['alpha', 'beta']) world.runHost(() => ({ lastsMs: 1e9, code: 0 }), name);
  world.runControllers();
  try {
    await script(world);
  } finally {
    await world.stop();
  }
}

describe('the workload controller', () => {
  test('makes, replaces and takes away pods, each named by its slot and its id', () =>
    inWorld(async (world) => {
      const { pods, workloads } = world.tables;
      await workloads.create(workload(sampleSpec()));
      await world.until(() => pods.list('default').filter(isUp).length === 2);
      for (const { meta } of pods.list('default')) assert.match(meta.name, /^web\.[12]\.[0-9a-z]{25}$/);
      assert.deepEqual(
        pods
          .list('default')
          .map(({ spec }) => spec.host)
          .sort(),
        ['alpha', 'beta'],
      );
      await workloads.mutate(key, (present) => ({ ...present, spec: sampleSpec({}, 'v2') }));
      await world.until(() => workloads.get(key)?.status.update?.state === 'completed');
      assert.equal(workloads.get(key)?.status.generation, 2);
      await world.until(async () => (await world.eventsOf('web')).join() === 'update,update');
      assert.equal(pods.list('default').length, 4);
      await workloads.delete(key);
      await world.until(() => workloads.get(key) === undefined && pods.list('default').length === 0);
    }));

  test('a failed update goes back by itself, and the spec says so', () =>
    inWorld(async (world) => {
      const { pods, workloads } = world.tables;
      const update = { ...sampleSpec().update, onFailure: 'rollback' } as const;
      const first = workload(sampleSpec({ update }));
      await workloads.create({
        ...first,
        meta: { ...first.meta, labels: { tier: 'one' } },
        given: { docker: { version: 'v1' } },
      });
      await world.until(() => pods.list('default').filter(isUp).length === 2);
      await workloads.mutate(key, (present) => ({
        ...present,
        meta: { ...present.meta, labels: { tier: 'two' } },
        spec: sampleSpec({ update }, 'v2'),
        given: { docker: { version: 'v2' }, previous: { some: 'one' } },
      }));
      await world.until(() =>
        pods.list('default').some((pod) => pod.meta.labels['kr.revision'] === '2' && isUp(pod)),
      );
      const bad = pods.list('default').find((pod) => pod.meta.labels['kr.revision'] === '2' && isUp(pod));
      const finishedAt = new Date(world.clock.now()).toISOString();
      await pods.mutate(bad?.meta ?? key, (present) => {
        present.status.phase = 'exited';
        for (const container of present.status.containers)
          Object.assign(container, { exitCode: 1, finishedAt });
        return present;
      });
      await world.until(() => workloads.get(key)?.status.update?.state === 'rollback-completed');
      const present = workloads.get(key);
      assert.deepEqual([present?.spec.rollsBack, present?.given], [true, { docker: { version: 'v1' } }]);
      assert.deepEqual(present?.meta.labels, { tier: 'one' });
      assert.equal(present?.status.generation, present?.meta.generation);
    }));

  test('pods whose workload is gone without them are removed', () =>
    inWorld(async (world) => {
      const { pods, workloads } = world.tables;
      await workloads.create(workload(sampleSpec(), []));
      await world.until(() => pods.list('default').filter(isUp).length === 2);
      await workloads.delete(key);
      await world.until(() => pods.list('default').length === 0);
    }));

  test('facts of the host are filled in when it is known', () =>
    inWorld(async (world) => {
      const { pods, workloads } = world.tables;
      const spec = sampleSpec();
      spec.template.templated = true;
      spec.template.spec.hostname = '{{.Service.Name}}-{{.Task.Slot}}-{{.Node.Hostname}}';
      await workloads.create(workload(spec));
      await world.until(() => pods.list('default').filter(isUp).length === 2);
      for (const pod of pods.list('default')) {
        assert.equal(pod.spec.hostname, `web-${slotOf(pod)}-${pod.spec.host}`);
      }
    }));

  test('cron: a job at each time, which ends and is kept; all go with it', () =>
    inWorld(async (world) => {
      const { pods, workloads } = world.tables;
      const mode: WorkloadMode = {
        type: 'cron',
        schedule: '* * * * *',
        suspended: false,
        overlap: 'forbid',
        succeededKept: 1,
        failedKept: 1,
        completions: 1,
        parallelism: 1,
      };
      const spec = sampleSpec({
        mode,
        restart: { condition: 'none', delayMs: 0, attemptsMax: 0, windowMs: 0 },
      });
      const { meta, ...rest } = workload(spec);
      await workloads.create({
        ...rest,
        meta: { ...meta, createdAt: new Date(world.clock.now()).toISOString() },
      });
      await world.until(() => pods.list('default').some(isUp));
      const [job] = workloads.list('default').filter(({ meta: { owner } }) => owner?.uid === meta.uid);
      assert.match(job?.meta.name ?? '', /^web-[0-9]+$/);
      await workloads.delete(key);
      await world.until(() => workloads.list('default').length === 0 && pods.list('default').length === 0);
    }));

  test('an ordered name that another pod has is left alone', () =>
    inWorld(async (world) => {
      const { pods, workloads } = world.tables;
      const other = await pods.create(samplePod('web-0'));
      await workloads.create(
        workload(sampleSpec({ mode: { type: 'ordered', replicas: 1, parallel: false } })),
      );
      await world.until(() => workloads.get(key)?.status.message === 'the name web-0 is taken');
      await pods.delete(other.meta);
      await world.until(() => pods.get({ ...key, name: 'web-0' })?.status.phase === 'running');
    }));
});

/**
 * Controllers are killed every few writes and started anew, while a workload is made, updated, scaled, and loses a
 * host. No slot ever has two pods that run, and in the end there are as many as are wanted.
 */
test('whenever the controllers die, no slot has a pod too many and none too few', async () => {
  for (let seed = 0; seed < 10; seed += 1) {
    const world = new SmallWorld(seed);
    await world.start();
    await world.tables.hosts.create(sampleHost('beta'));
    const { pods, workloads, hosts } = world.tables;
    for (const name of ['alpha', 'beta']) world.runHost(() => ({ lastsMs: 1e9, code: 0 }), name);
    const random = new SeededRandom(seed);
    let most = 0;
    pods.cache.subscribe(() => {
      const lost = new Set(
        hosts.everywhere().flatMap(({ meta, status }) => (status.lostAt ? [meta.name] : [])),
      );
      const up = pods.everywhere().filter((pod) => isUp(pod) && !lost.has(pod.spec.host ?? ''));
      for (const [, own] of Map.groupBy(up, slotOf)) most = Math.max(most, own.length);
    });

    const lives: { stop: AbortController; ended: Promise<void> }[] = [];
    const live = (): void => {
      const stop = new AbortController();
      const store = dyingStore(world.store, random.below(8), random, () => {
        stop.abort();
        live();
      });
      lives.push({ stop, ended: world.controllers(stop.signal, lives.length < 60 ? store : world.store) });
    };
    live();

    const wanted = (count: number, version: string): boolean => {
      const up = pods.everywhere().filter(isUp);
      const { status } = workloads.get(key) ?? {};
      return (
        status?.ready === count &&
        up.length === count &&
        new Set(up.map(slotOf)).size === count &&
        up.every((pod) => pod.spec.containers[0]?.args[1] === version && pod.spec.run.wanted === 'running')
      );
    };
    const three = { mode: { type: 'replicated', replicas: 3 } } as const;
    await workloads.create(workload(sampleSpec(three)));
    await world.until(() => wanted(3, 'v1'));
    await workloads.mutate(key, (present) => ({ ...present, spec: sampleSpec(three, 'v2') }));
    await world.until(() => wanted(3, 'v2'));
    await workloads.mutate(key, (present) => ({
      ...present,
      spec: { ...present.spec, mode: { type: 'replicated', replicas: 5 } },
    }));
    await world.until(() => wanted(5, 'v2'));
    await hosts.mutate({ ...key, name: 'beta' }, (host) => ({
      ...host,
      spec: { ...host.spec, drained: true },
    }));
    await world.until(
      () => wanted(5, 'v2') && pods.everywhere().every((pod) => !isUp(pod) || pod.spec.host === 'alpha'),
    );
    await workloads.delete(key);
    await world.until(() => workloads.get(key) === undefined && pods.everywhere().length === 0);
    assert.equal(most, 1, `seed ${seed}: a slot had ${most} pods at once`);
    assert.ok(lives.length > 5, `seed ${seed}: hardly anything died`);
    for (const { stop } of lives) stop.abort();
    await lives.at(-1)?.ended;
    await world.stop();
  }
});
