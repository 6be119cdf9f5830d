import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Network, newWorkloadStatus, type Workload, type WorkloadSpec } from '../model/index.ts';
import { sampleMeta } from '../model/samples.ts';
import { sampleSpec } from '../workloads/sim.ts';
import { SmallWorld } from './small-world.ts';

const network = (name: string, subnet: string): Network => ({
  kind: 'Network',
  meta: sampleMeta('Network', name),
  spec: { driver: 'vpc', subnet, gateway: subnet.replace(/0\/.*/, '1'), internal: false, options: {} },
  status: {},
  given: {},
});

function workload(name: string, networks: string[], more: Partial<WorkloadSpec> = {}): Workload {
  const spec = sampleSpec({ endpoint: 'virtual', mode: { type: 'replicated', replicas: 0 }, ...more });
  spec.template.spec.networks = networks.map((on) => ({ name: on, aliases: [] }));
  const meta = sampleMeta('Workload', name);
  return { kind: 'Workload', meta, spec, status: newWorkloadStatus(), given: {} };
}

test('workloads have an address on each of their networks, for as long as they are on it', async () => {
  const world = new SmallWorld();
  await world.start();
  const { networks, workloads } = world.tables;
  const given = (name: string): Record<string, string> => {
    const all = networks.everywhere().find(({ meta }) => meta.name === name)?.status.virtual?.addresses;
    const names = new Map(['web', 'db', 'old'].map((each) => [sampleMeta('Workload', each).uid, each]));
    return Object.fromEntries(Object.entries(all ?? {}).map(([uid, ipv4]) => [names.get(uid), ipv4]));
  };
  await networks.create(network('front', '10.1.0.0/24'));
  await networks.create(network('default', '10.2.0.0/24'));
  const web = await workloads.create(workload('web', ['front', 'default']));
  await workloads.create(workload('old', ['front'], { endpoint: 'pods' }));
  world.runControllers();
  await world.until(() => given('front').web === '10.1.0.240');
  await workloads.create(workload('db', ['front', 'back']));
  await world.until(() => given('front').db === '10.1.0.241');
  await networks.create(network('back', '10.3.0.0/24'));
  await world.until(() => given('back').db === '10.3.0.240');
  await workloads.delete(web.meta);
  await world.until(() => given('front').web === undefined);
  assert.deepEqual(given('front'), { db: '10.1.0.241' });
  assert.deepEqual(given('default'), {});
  await world.stop();
});

test('a service of an older store has an address with the next leader, and its pods stay', async () => {
  const world = new SmallWorld();
  await world.start();
  const { networks, workloads, pods } = world.tables;
  await networks.create(network('front', '10.1.0.0/24'));
  const older = (name: string, given: Workload['given']): Workload => {
    const { endpoint: _, ...spec } = workload(name, ['front']).spec;
    return {
      ...workload(name, ['front']),
      spec: { ...spec, mode: { type: 'replicated', replicas: 1 } },
      given,
    };
  };
  const { meta } = await workloads.create(older('web', {}));
  await workloads.create(older('other', {}));
  const leader = new AbortController();
  // Before its maker can tell, as under the daemon that made it.
  const first = world.controllers(leader.signal);
  await world.until(() => pods.everywhere().length === 2);
  const uids = pods.everywhere().map(({ meta }) => meta.uid);
  leader.abort();
  await first;
  await workloads.mutate(meta, (present) => ({ ...present, given: { docker: {} } }));
  world.runControllers();
  await world.until(() => networks.everywhere()[0]?.status.virtual?.addresses[meta.uid] === '10.1.0.240');
  await workloads.create(workload('last', ['front']));
  await world.until(
    () => Object.keys(networks.everywhere()[0]?.status.virtual?.addresses ?? {}).length === 2,
  );
  assert.deepEqual(
    pods.everywhere().map(({ meta }) => meta.uid),
    uids,
  );
  assert.equal(workloads.everywhere().find(({ meta }) => meta.name === 'other')?.spec.endpoint, undefined);
  await world.stop();
});
