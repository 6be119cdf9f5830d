import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, SeededRandom, silentLogger } from '@kraud/base';
import { hostLeaseKey, openMemoryStore, Tables } from '@kraud/macro';
import type { HostFacts } from './contract.ts';
import { Heartbeat } from './heartbeat.ts';

const key = { tenant: 'default', namespace: 'default', name: 'alpha' };
const facts: HostFacts = {
  cpus: 2,
  memoryBytes: 2 ** 30,
  architecture: 'x86_64',
  kernel: '6.1',
  operatingSystem: 'Linux',
  accelerator: { kind: 'tcg', reason: 'a test' },
} as HostFacts;

test('a host speaks for itself while it holds its lease, and is not put back once it was taken out', async () => {
  const clock = new FakeClock();
  const store = openMemoryStore({ clock });
  const stop = new AbortController();
  const tables = new Tables({ store, clock, logger: silentLogger });
  const running = tables.run(stop.signal);
  await tables.ready();
  const lease = await store.lease(10 ** 9);
  const hold = async (): Promise<void> => {
    const value = '{"instance":"one","incarnation":1}';
    await store.txn({ success: [{ op: 'put', key: hostLeaseKey('alpha'), value, lease: lease.id }] });
  };
  await hold();
  const heartbeat = new Heartbeat({
    name: 'alpha',
    tenant: 'default',
    hosts: tables.hosts,
    facts: async () => facts,
    begins: { cordoned: true },
    intervalMs: 10_000,
    clock,
    random: new SeededRandom(1),
    logger: silentLogger,
  });
  const beat = async (): Promise<void> => {
    await clock.advance(10_000);
    for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const status = () => tables.hosts.get(key)?.status;
  await heartbeat.start();
  assert.equal(status()?.ready, true);
  assert.deepEqual(tables.hosts.get(key)?.spec, { cordoned: true });

  await store.txn({ success: [{ op: 'delete', key: hostLeaseKey('alpha') }] });
  const lostAt = new Date(clock.now()).toISOString();
  await tables.hosts.mutate(key, (host) => ({ ...host, status: { ...host.status, ready: false, lostAt } }));
  await beat();
  assert.equal(status()?.ready, false, 'without its lease it has no say');
  await hold();
  await beat();
  assert.deepEqual([status()?.ready, status()?.lostAt], [true, undefined]);

  await tables.hosts.delete(key);
  await beat();
  assert.equal(tables.hosts.get(key), undefined);
  await assert.rejects(heartbeat.stop(), { code: 'not-found' });
  stop.abort();
  await running;
});
