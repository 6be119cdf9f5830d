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
