import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { KraudError, newId, SeededRandom, silentLogger, systemClock } from '@kraud/base';
import { type Network, openMemoryStore, Tables } from '@kraud/macro';
import { createNetwork } from '../networks/create.ts';
import { networkOf } from '../networks/of-pod.ts';
import { removeNetwork } from '../networks/remove.ts';
import type { CloudParts } from '../parts.ts';
import { SwarmUseCases } from './swarms.ts';

const sampleNetwork: Network = {
  kind: 'Network',
  meta: {
    uid: '2'.repeat(64),
    tenant: 'default',
    namespace: 'default',
    name: 'front',
    labels: {},
    annotations: {},
    generation: 1,
    finalizers: [],
    createdAt: new Date(0).toISOString(),
  },
  spec: { driver: 'vpc', internal: false, options: {} },
  status: {},
  given: {},
};
const caller = { tenant: 'default', local: true };
let swarms: SwarmUseCases;
let tables: Tables;
let end: () => Promise<void>;

before(async () => {
  const clock = systemClock;
  const store = openMemoryStore({ clock });
  tables = new Tables({ store, clock, logger: silentLogger });
  const stop = new AbortController();
  const running = tables.run(stop.signal);
  await tables.ready();
  const meta = { uid: '1'.repeat(64), tenant: 'default', namespace: 'default', name: 'default' };
  const rest = {
    labels: {},
    annotations: {},
    generation: 1,
    finalizers: [],
    createdAt: new Date(0).toISOString(),
  };
  await tables.tenants.create({
    kind: 'Tenant',
    meta: { ...meta, ...rest },
    spec: { local: true },
    status: {},
    given: { other: 1 },
  });
  swarms = new SwarmUseCases({
    tenants: tables.tenants,
    networks: tables.networks,
    pods: tables.pods,
    workloads: tables.workloads,
    secrets: tables.secrets,
    configs: tables.configs,
    clock,
    random: new SeededRandom(1),
  } as unknown as CloudParts);
  end = async () => {
    stop.abort();
    await running;
    await store.close();
  };
});
after(() => end());

test('a swarm has a network of its own for ingress, which goes with it and nobody joins', async () => {
  const names = (): string[] => tables.networks.list('default').map(({ meta }) => meta.name);
  const key = { tenant: 'default', namespace: 'default', name: 'ingress' };
  await swarms.begin(caller, { given: {} });
  assert.deepEqual(names(), ['ingress']);
  const parts = { networks: tables.networks, pods: tables.pods };
  const join = () => networkOf(parts, caller, { ref: 'ingress', aliases: [] });
  assert.throws(join, { code: 'forbidden', message: 'network ingress not manually attachable' });
  const rest = { ...parts, workloads: tables.workloads } as unknown as CloudParts;
  await assert.rejects(removeNetwork(rest, caller, 'ingress'), { code: 'forbidden' });
  await swarms.end(caller, []);
  assert.deepEqual(names(), []);
  const own = { ...sampleNetwork, meta: { ...sampleNetwork.meta, ...key } };
  await tables.networks.create(own);
  await swarms.begin(caller, { given: {} });
  await swarms.end(caller, []);
  assert.equal(tables.networks.get(key)?.spec.driver, 'vpc', 'a user’s own of that name stays');
});

test('begun once, changed in order, ended', async () => {
  assert.equal(await swarms.get(caller), undefined);
  const begun = await swarms.begin(caller, { given: { docker: 1 } });
  await assert.rejects(swarms.begin(caller, { given: {} }), { code: 'conflict' });
  const changed = await swarms.update(caller, { given: { docker: 2 }, certificateTtlMs: 5 }, begun.version);
  assert.deepEqual([changed.uid, changed.given], [begun.uid, { docker: 2 }]);
  await assert.rejects(swarms.update(caller, { given: {} }, begun.version), {
    message: 'update out of sequence',
  });
  await swarms.end(caller, []);
  assert.equal(await swarms.get(caller), undefined);
  await assert.rejects(swarms.update(caller, { given: {} }, changed.version), { code: 'conflict' });
});

test('a swarm that ends takes its secrets, its configs and its networks with it', async () => {
  const { tenants, secrets, configs, networks } = tables;
  await swarms.begin(caller, { given: {} });
  const meta = (name: string) => ({ ...sampleNetwork.meta, name, uid: newId(new SeededRandom(name.length)) });
  const spec = { data: 'eA==', templated: false };
  await secrets.create({ kind: 'Secret', meta: meta('key'), spec, status: {}, given: {} });
  await configs.create({ kind: 'Config', meta: meta('page'), spec, status: {}, given: {} });
  const front = await networks.create({ ...sampleNetwork, meta: meta('front') });
  await networks.create({ ...sampleNetwork, meta: meta('others') });
  await swarms.end(caller, [front]);
  assert.deepEqual([secrets.list('default'), configs.list('default')], [[], []]);
  const left = networks.list('default').map(({ meta: { name } }) => name);
  assert.ok(!left.includes('front') && left.includes('others'));
  assert.equal(tenants.list('default')[0]?.given.other, 1);
});

test('networks of a swarm with a pool of its own', async () => {
  const pool = { blocks: ['10.20.0.0/16'], prefix: 24 };
  const beginWith = (blocks: string[], prefix: number) =>
    swarms.begin(caller, { given: {} }, { blocks, prefix });
  await assert.rejects(beginWith(['10.20.0.0/25'], 24), { message: /Subnet size is too small for pool: 24/ });
  await assert.rejects(beginWith(['10.20.0.0/16', '10.20.4.0/22'], 24), { message: /overlaps with/ });
  await assert.rejects(beginWith(['10.20.1.0/16'], 24), { code: 'invalid' });
  await assert.rejects(beginWith(['10.20.0.0/16'], 31), { message: /invalid subnet size 31/ });
  await tables.networks.delete({ tenant: 'default', namespace: 'default', name: 'ingress' });
  const begun = await swarms.begin(caller, { given: {} }, pool);
  const changed = await swarms.update(caller, { given: {} }, begun.version);
  assert.deepEqual(changed.pool, pool);
  const [ingress] = tables.networks.list('default').filter(({ meta }) => meta.name === 'ingress');
  assert.deepEqual([ingress?.spec.subnet, ingress?.spec.gateway], ['10.20.0.0/24', '10.20.0.1']);
  const routed = '10.20.1.0/24';
  const parts = {
    networks: tables.networks,
    clock: systemClock,
    random: new SeededRandom(7),
    chooseSubnet: async (wanted = '') => {
      if (wanted === routed) throw new KraudError('conflict', 'a route is in the way');
      return wanted;
    },
  };
  const draft = { labels: {}, internal: false, options: {}, given: {}, pool };
  const { spec } = await createNetwork(parts, caller, { name: 'first', ...draft });
  assert.equal(spec.subnet, '10.20.2.0/24');
  const own = await createNetwork(parts, caller, { name: 'own', ...draft, subnet: '10.9.0.0/24' });
  assert.equal(own.spec.subnet, '10.9.0.0/24');
  const tiny = { blocks: ['10.20.2.0/24'], prefix: 24 };
  await assert.rejects(createNetwork(parts, caller, { name: 'full', ...draft, pool: tiny }), {
    code: 'exhausted',
  });
  await swarms.end(caller, []);
});
