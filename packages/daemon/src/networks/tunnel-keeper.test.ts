import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, KraudError, silentLogger } from '@kraud/base';
import { type Host, type Network, openMemoryStore, Tables } from '@kraud/macro';
import { sampleHost, sampleMeta } from '@kraud/macro/samples';
import type { NetworkState, TunnelPeer } from '@kraud/network';
import { FarPodsFollower } from './far-pods.ts';
import { TunnelKeeper } from './tunnel-keeper.ts';

/** A host `a` and its store; tunnels are notes of what was asked for. */
async function world(told?: Host['status']['tunnel']) {
  const clock = new FakeClock();
  const tables = new Tables({ store: openMemoryStore({ clock }), clock, logger: silentLogger });
  const stop = new AbortController();
  const running = tables.run(stop.signal);
  await tables.ready();
  const asked: string[] = [];
  let fails = false;
  let gone = (): void => {};
  const tunnels = {
    choice: { kind: 'kernel', reason: 'a test' } as const,
    ensure: async (tenant: string, peers: readonly TunnelPeer[]) => {
      if (fails) throw new KraudError('unavailable', 'no');
      asked.push(`${tenant} ${peers.map(({ key, blocks }) => `${key} ${blocks.join()}`).join('; ')}`);
      return { key: 'key-a', port: 51_820 };
    },
    remove: async (tenant: string) => {
      asked.push(`${tenant} removed`);
    },
    onGone: (listener: () => void) => {
      gone = listener;
      return () => {};
    },
    close: () => {},
  };
  const real: NetworkState[] = [{ tenant: 'default' } as NetworkState];
  const follower = new FarPodsFollower({ name: 'a', tables, far: { put: () => {}, remove: () => {} } });
  const keeper = new TunnelKeeper({
    ...{ name: 'a', tables, network: { networks: () => real }, tunnels, told, clock, logger: silentLogger },
    strangers: (tenant, host, blocks) => follower.strangers(tenant, host, blocks),
    onStrangers: (listener) => follower.onStrangers(listener),
    ...{ checkMs: 30_000, retryMs: 3_000 },
  });
  const taken = (): string[] => asked.splice(0);
  return {
    ...{ tables, keeper, taken, real, clock, gone: () => gone() },
    fail: (value: boolean) => {
      fails = value;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

const network = (slices: Record<string, string[]>): Network => ({
  kind: 'Network',
  meta: sampleMeta('Network', 'front'),
  spec: { driver: 'vpc', subnet: '10.1.0.0/16', internal: false, options: {} },
  status: { slices },
  given: {},
});
const ends = { default: { key: 'key-b', port: 51_821 } };
const hostB = sampleHost('b', { address: '192.0.2.2:7070', tunnel: { kind: 'kernel', reason: '', ends } });
const slices = { a: ['10.1.0.0/22'], b: ['10.1.4.0/22'] };

test('a tunnel is there while another host shares a network, and is told to the others', async () => {
  await using it = await world();
  let changes = 0;
  it.keeper.onChanged(() => {
    changes += 1;
  });
  await it.tables.networks.create(network({ a: ['10.1.0.0/22'] }));
  assert.equal(await it.keeper.look(), true);
  assert.deepEqual([it.taken(), it.keeper.status.ends, changes], [['default removed'], {}, 0]);
  await it.tables.hosts.create(sampleHost('b', { address: '192.0.2.2:7070' }));
  await it.tables.networks.mutate(sampleMeta('Network', 'front'), (n) => ({ ...n, status: { slices } }));
  await it.keeper.look();
  assert.deepEqual(it.taken(), ['default ']);
  assert.deepEqual(it.keeper.status.ends, { default: { key: 'key-a', port: 51_820 } });
  await it.tables.hosts.mutate(hostB.meta, (host) => ({ ...host, status: hostB.status }));
  await it.keeper.look();
  await it.keeper.look();
  assert.deepEqual([it.taken(), changes], [['default key-b 10.1.4.0/22'], 1]);
  await it.tables.hosts.delete(hostB.meta);
  await it.keeper.look();
  assert.deepEqual([it.taken(), it.keeper.status.ends, changes], [['default removed'], {}, 2]);
});

test('what was told before stays told until it is known to be otherwise, also when a look fails', async () => {
  const told = { kind: 'kernel' as const, reason: '', ends: { default: { key: 'key-a', port: 51_820 } } };
  await using it = await world(told);
  await it.tables.hosts.create(hostB);
  await it.tables.networks.create(network(slices));
  it.fail(true);
  assert.equal(await it.keeper.look(), false);
  assert.deepEqual(it.keeper.status.ends, told.ends);
  assert.deepEqual(it.keeper.problems, ["containers of other hosts can't be reached: no"]);
  it.fail(false);
  assert.equal(await it.keeper.look(), true);
  assert.deepEqual([it.keeper.problems, it.taken()], [[], ['default key-b 10.1.4.0/22']]);
});

test('it follows changes, makes a tunnel that has gone anew, and looks again after a while', async () => {
  await using it = await world();
  await it.tables.hosts.create(hostB);
  const stop = new AbortController();
  const running = it.keeper.run(stop.signal);
  const asked = async (ms = 0): Promise<string[]> => {
    for (;;) {
      const found = it.taken();
      if (found.length > 0) return found;
      if (ms > 0) await it.clock.advance(ms);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  assert.deepEqual(await asked(), ['default removed']);
  await it.tables.networks.create(network(slices));
  assert.deepEqual(await asked(), ['default key-b 10.1.4.0/22']);
  it.gone();
  assert.deepEqual(await asked(), ['default key-b 10.1.4.0/22']);
  assert.deepEqual(await asked(30_001), ['default key-b 10.1.4.0/22']);
  stop.abort();
  await running;
});

test('a tenant whose network is not real here yet is looked for again', async () => {
  await using it = await world();
  it.real.length = 0;
  await it.tables.networks.create(network(slices));
  assert.equal(await it.keeper.look(), false);
  assert.deepEqual(it.taken(), []);
});
