import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SeededRandom, silentLogger, systemClock } from '@kraud/base';
import { openMemoryStore, Tables } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';
import { SwarmUseCases } from './swarms.ts';

const caller = { tenant: 'default', local: true };
let swarms: SwarmUseCases;
let end: () => Promise<void>;

before(async () => {
  const clock = systemClock;
  const store = openMemoryStore({ clock });
  const tables = new Tables({ store, clock, logger: silentLogger });
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
