import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SeededRandom, silentLogger, systemClock } from '@kraud/base';
import { type Network, openMemoryStore, Tables } from '@kraud/macro';
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
  await swarms.end(caller);
  assert.deepEqual(names(), []);
  const own = { ...sampleNetwork, meta: { ...sampleNetwork.meta, ...key } };
  await tables.networks.create(own);
  await swarms.begin(caller, { given: {} });
  await swarms.end(caller);
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
  await swarms.end(caller);
  assert.equal(await swarms.get(caller), undefined);
  await assert.rejects(swarms.update(caller, { given: {} }, changed.version), { code: 'conflict' });
});
