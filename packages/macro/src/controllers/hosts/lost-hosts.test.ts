import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, SeededRandom, silentLogger } from '@kraud/base';
import { hostLeaseKey } from '../../model/index.ts';
import { sampleHost, samplePod } from '../../model/samples.ts';
import { Tables } from '../../resources/tables.ts';
import { openMemoryStore } from '../../store/memory/open.ts';
import { HostLeases } from './leases.ts';
import { LostHosts } from './lost-hosts.ts';
import { MoveBudget, moveDefaults } from './pace.ts';

const names = ['a', 'b', 'c', 'd'];
const key = (name: string) => ({ tenant: 'default', namespace: 'default', name });

/** Hosts of a cloud, one pod on each, and the leader's part that looks after lost ones. */
class World {
  readonly clock = new FakeClock();
  readonly store = openMemoryStore({ clock: this.clock, random: new SeededRandom(1) });
  readonly tables = new Tables({ store: this.store, clock: this.clock, logger: silentLogger });
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>[] = [];

  static async start(): Promise<World> {
    const world = new World();
    const { tables } = world;
    world.#running.push(tables.run(world.#stop.signal));
    await tables.ready();
    for (const name of names) {
      await tables.hosts.create(sampleHost(name));
      const run = { wanted: 'running', serial: 1, stoppedByUser: false } as const;
      const restart = { name: 'always', retriesMax: 0 } as const;
      const pod = samplePod(`on-${name}`, { spec: { run, restart, host: name } });
      await tables.pods.create({ ...pod, status: { ...pod.status, phase: 'running', serial: 1 } });
      await world.comes(name);
    }
    return world;
  }

  /** From a host that has held its lease for so long. */
  lead(heldForMs = 60_000): void {
    const { store, tables, clock } = this;
    const logger = silentLogger;
    const sinceMs = clock.monotonic() - heldForMs;
    const leases = new HostLeases({ store, clock, logger });
    const budget = new MoveBudget(clock, moveDefaults.movesBurst);
    const lost = new LostHosts({
      ...{ tables, leases, budget, clock, logger, limits: moveDefaults },
      heldSinceMs: () => sinceMs,
    });
    this.#running.push(leases.run(this.#stop.signal), lost.run(this.#stop.signal));
  }

  async comes(name: string): Promise<void> {
    await this.store.txn({ compare: [], success: [{ op: 'put', key: hostLeaseKey(name), value: '{}' }] });
  }

  async goes(...names: string[]): Promise<void> {
    const success = names.map((name) => ({ op: 'delete' as const, key: hostLeaseKey(name) }));
    await this.store.txn({ compare: [], success });
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      await this.clock.advance(Math.min(500, left));
      for (let turns = 0; turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Hosts whose pod was taken from them. */
  get moved(): string[] {
    return names.filter((name) => this.tables.pods.get(key(`on-${name}`))?.spec.host === undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
    await this.store.close();
  }
}

describe('pods of lost hosts', () => {
  test('move at once when two are lost together', async () => {
    await using world = await World.start();
    world.lead();
    await world.pass(1_000);
    await world.goes('a', 'b');
    await world.pass(1_000);
    assert.deepEqual(world.moved, ['a', 'b']);
  });

  test('wait when most are lost together', async () => {
    await using world = await World.start();
    world.lead();
    await world.pass(1_000);
    await world.goes('a', 'b', 'c');
    await world.pass(moveDefaults.massLossHoldMs - 1_000);
    assert.deepEqual(world.moved, []);
    await world.pass(5_000);
    assert.deepEqual(world.moved, ['a', 'b', 'c']);
  });

  test('wait for hosts that were away when the leader itself was, and that may be about to come back', async () => {
    await using world = await World.start();
    await world.goes('a', 'b');
    world.lead(0);
    await world.pass(moveDefaults.returnMs - 1_000);
    await world.comes('b');
    await world.pass(500);
    assert.deepEqual(world.moved, []);
    await world.pass(1_500);
    assert.deepEqual(world.moved, ['a']);
  });

  test('move at once, though the leader is a new one, if it held its own lease meanwhile', async () => {
    await using world = await World.start();
    await world.goes('a', 'b');
    world.lead();
    await world.pass(1_000);
    assert.deepEqual(world.moved, ['a', 'b']);
  });

  test('wait no longer than a hold, though the clock of who had them as lost was an hour ahead', async () => {
    await using world = await World.start();
    const lostAt = new Date(world.clock.now() + 3_600_000).toISOString();
    await world.goes('a', 'b', 'c');
    for (const name of ['a', 'b', 'c']) {
      await world.tables.hosts.mutate(key(name), (host) => ({
        ...host,
        status: { ...host.status, ready: false, lostAt },
      }));
    }
    world.lead();
    await world.pass(moveDefaults.massLossHoldMs - 1_000);
    assert.deepEqual(world.moved, []);
    await world.pass(5_000);
    assert.deepEqual(world.moved, ['a', 'b', 'c']);
  });
});
