import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, SeededRandom, silentLogger } from '@kraud/base';
import { newWorkloadStatus, openMemoryStore, Tables, type Workload } from '@kraud/macro';
import { sampleHost, sampleMeta, samplePod } from '@kraud/macro/samples';
import type { Service } from '@kraud/network';
import { ServiceFeed } from './feed.ts';

const address = (network: string, ipv4: string) => ({ network, ipv4, prefix: 24, gateway: '10.1.0.1' });

function workload(name: string, endpoint: 'virtual' | 'pods'): Workload {
  const { run: _, host: __, restart: ___, autoRemove: ____, ...spec } = samplePod('').spec;
  const networks = [{ name: 'front', aliases: [] }];
  const policy = {
    parallelism: 1,
    delayMs: 0,
    order: 'stop-first',
    onFailure: 'pause',
    monitorMs: 0,
  } as const;
  const update = { ...policy, maxFailureRatio: 0 };
  return {
    kind: 'Workload',
    meta: sampleMeta('Workload', name),
    spec: {
      ...{ mode: { type: 'replicated', replicas: 1 }, endpoint, update, rollback: update },
      template: { labels: {}, annotations: {}, templated: false, spec: { ...spec, networks }, given: {} },
      restart: { condition: 'any', delayMs: 0, attemptsMax: 0, windowMs: 0 },
      ...{ revisionsKept: 1, endedKept: 1, force: 0, jobIteration: 0, rollsBack: false },
    },
    status: newWorkloadStatus(),
    given: {},
  };
}

test('the network is told of services as the store has them, and of each change', async () => {
  const clock = new FakeClock();
  const store = openMemoryStore({ clock, random: new SeededRandom(1) });
  const tables = new Tables({ store, clock, logger: silentLogger });
  const stop = new AbortController();
  const running = [tables.run(stop.signal)];
  await tables.ready();
  let served: readonly Service[] = [];
  const network = {
    serve: async (services: readonly Service[]) => {
      served = services;
    },
  };
  const feed = new ServiceFeed({ name: 'here', tables, network, logger: silentLogger });
  const until = async (done: () => boolean): Promise<void> => {
    for (let turn = 0; !done(); turn += 1) {
      assert.ok(turn < 10_000, JSON.stringify(served));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const web = await tables.workloads.create(workload('web', 'virtual'));
  await tables.networks.create({
    kind: 'Network',
    meta: sampleMeta('Network', 'front'),
    spec: { driver: 'vpc', subnet: '10.1.0.0/24', gateway: '10.1.0.1', internal: false, options: {} },
    status: {},
    given: {},
  });
  running.push(feed.run(stop.signal));
  await until(() => served[0]?.names[0] === 'web' && served[0].virtual === undefined);
  await tables.networks.mutate(sampleMeta('Network', 'front'), (present) => ({
    ...present,
    status: { virtual: { slices: [], addresses: { [web.meta.uid]: '10.1.0.240' } } },
  }));
  await until(() => served[0]?.virtual === '10.1.0.240');
  for (const host of ['here', 'there']) await tables.hosts.create(sampleHost(host));
  for (const [host, ipv4] of [
    ['here', '10.1.0.2'],
    ['there', '10.1.0.3'],
  ] as const) {
    await tables.pods.create(
      samplePod(host, {
        meta: {
          labels: { 'kr.workload': web.meta.uid },
          owner: { kind: 'Workload', uid: web.meta.uid, name: 'web' },
        },
        spec: { host, run: { wanted: 'running', serial: 1, stoppedByUser: false } },
        status: {
          phase: 'running',
          network: { ...address('front', ipv4), mac: '', ports: [], addresses: [address('front', ipv4)] },
        },
      }),
    );
  }
  await until(() => served[0]?.ready.join() === '10.1.0.2');
  for (const host of ['here', 'there']) {
    await tables.hosts.mutate(sampleMeta('Host', host), (present) => ({
      ...present,
      status: {
        ...present.status,
        tunnel: { kind: 'kernel', reason: '', ends: { default: { key: 'k', port: 1 } } },
      },
    }));
  }
  await until(() => served[0]?.ready.length === 2);
  await tables.pods.mutate(sampleMeta('Pod', 'here'), (present) => ({
    ...present,
    spec: { ...present.spec, run: { ...present.spec.run, wanted: 'stopped' } },
  }));
  await until(() => served[0]?.ready.join() === '10.1.0.3' && served[0].members.length === 2);
  await tables.workloads.delete(web.meta);
  await until(() => served.length === 0);
  stop.abort();
  await Promise.all(running);
  await store.close();
});
