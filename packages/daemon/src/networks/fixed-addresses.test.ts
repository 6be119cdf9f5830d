import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { codeOf, FakeClock, messageOf, must, SeededRandom, silentLogger } from '@kraud/base';
import {
  type Network,
  openLmdbStore,
  openMemoryStore,
  type Store,
  type Tables,
  withSlice,
} from '@kraud/macro';
import { sampleHost, sampleMeta, samplePod } from '@kraud/macro/samples';
import { AddressPool, type Attachment, addressInUse, formatIpv4, parseIpv4, Subnet } from '@kraud/network';
import { withTables } from '@kraud/testkit';
import { FixedAddresses } from './fixed-addresses.ts';

const name = 'plan';
const tenant = 'default';
const key = { tenant, namespace: 'default', name };

/** Two slices of a host, and some that nobody has. */
const network = (): Network => {
  const empty: Network = {
    kind: 'Network',
    meta: sampleMeta('Network', name),
    spec: { driver: 'vpc', subnet: '10.9.0.0/24', gateway: '10.9.0.1', internal: false, options: {} },
    status: {},
    given: {},
  };
  return ['a', 'b'].reduce(
    (all, host) =>
      must(
        withSlice(all, host, () => false),
        'there is room',
      ),
    empty,
  );
};

/** One host's addresses, as its network gives them. */
class Host {
  readonly name: string;
  readonly clock = new FakeClock();
  readonly tables: Tables;
  readonly fixed: FixedAddresses;
  readonly pool: AddressPool;
  readonly pods = new Map<string, string>();
  #withheld: readonly string[] = [];
  stop = (): void => {};

  constructor(name: string, tables: Tables) {
    this.name = name;
    this.tables = tables;
    const isWithheld = (address: number): boolean => this.#withheld.includes(formatIpv4(address));
    this.pool = new AddressPool(Subnet.parse('10.9.0.0/24'), parseIpv4('10.9.0.1'), isWithheld);
    this.fixed = new FixedAddresses({ tables, network: this, name, clock: this.clock, logger: silentLogger });
  }

  withhold(_: unknown, addresses: readonly string[]): string[] {
    this.#withheld = addresses;
    return addresses.filter((address) => this.pool.ownerOf(parseIpv4(address)) !== undefined);
  }

  attachments(): Attachment[] {
    return [...this.pods].map(([podId, ipv4]) => ({
      ...{ tenant, podId, podName: podId, mac: '', nameServers: [], ports: [] },
      places: [{ network: name, ipv4, names: [] }],
    }));
  }

  async begin(): Promise<void> {
    this.stop = this.fixed.follow();
    await this.fixed.begin();
  }

  /** As a pod's start takes its addresses. */
  async start(pod: string, address?: string): Promise<string> {
    try {
      if (address !== undefined) {
        await this.fixed.hold(tenant, pod, [{ network: name, address }]);
        if (this.#withheld.includes(address)) throw addressInUse();
      }
      const slices = this.tables.networks.get(key)?.status.slices?.[this.name] ?? [];
      this.pool.giveFrom(slices.map((slice) => Subnet.parse(slice)));
      const given = this.pool.allocate(pod, address === undefined ? undefined : parseIpv4(address));
      this.pods.set(pod, formatIpv4(given));
      return formatIpv4(given);
    } catch (error) {
      await this.end(pod);
      throw error;
    }
  }

  async end(pod: string): Promise<void> {
    this.pool.release(pod);
    this.pods.delete(pod);
    await this.fixed.release(pod);
  }
}

async function withHosts(use: (a: Host, b: Host) => Promise<void>, store?: Store): Promise<void> {
  const shared = store ?? openMemoryStore({ clock: new FakeClock() });
  await withTables(async (one) => {
    await withTables(async (two) => {
      for (const host of ['a', 'b']) await one.hosts.create(sampleHost(host));
      await one.networks.create(network());
      const hosts = [new Host('a', one), new Host('b', two)] as const;
      await two.networks.cache.waitFor((cache) => cache.get(key));
      await two.hosts.cache.waitFor((cache) => (cache.list().length === 2 ? true : undefined));
      for (const host of hosts) await host.begin();
      try {
        await use(...hosts);
      } finally {
        for (const host of hosts) host.stop();
      }
    }, shared);
  }, shared);
}

const inUse = { code: 'conflict', message: 'Address already in use' };
const fixedOf = ({ tables }: Host) => tables.networks.get(key)?.status.fixed ?? {};

test('of two hosts whose pods ask for one address, one has it, until its pod ends', async () => {
  await withHosts(async (a, b) => {
    const both = await Promise.allSettled([a.start('p', '10.9.0.200'), b.start('q', '10.9.0.200')]);
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    const refused = both.find((each) => each.status === 'rejected');
    assert.deepEqual([codeOf(refused?.reason), messageOf(refused?.reason)], ['conflict', inUse.message]);
    const [had, other] = both[0].status === 'fulfilled' ? [a, b] : [b, a];
    await had.end([...had.pods.keys()][0] ?? '');
    assert.equal(await other.start('r', '10.9.0.200'), '10.9.0.200');
    assert.deepEqual(Object.keys(fixedOf(other)), ['10.9.0.200']);
  });
});

test('the host that has the block agrees, or says that it has given the address itself', async () => {
  await withHosts(async (a, b) => {
    const given = await b.start('dynamic');
    await assert.rejects(a.start('p', given), inUse);
    await a.start('q', '10.9.0.17');
    assert.equal(fixedOf(a)['10.9.0.17']?.agreed, true);
    assert.notEqual(await b.start('next'), '10.9.0.17');
    assert.deepEqual(Object.keys(fixedOf(a)), ['10.9.0.17']);
  });
});

test('a host that says nothing is named, and one that is lost is not asked', async () => {
  await withHosts(async (a, b) => {
    b.stop();
    const asked = a.start('p', '10.9.0.20');
    asked.catch(() => {});
    await a.tables.networks.cache.waitFor(() => fixedOf(a)['10.9.0.20'] && true);
    for (let i = 0; i < 5; i += 1) await turn();
    await a.clock.advance(10_000);
    await assert.rejects(asked, { code: 'unavailable', message: /^host b, which gives addresses around/ });
    assert.deepEqual(fixedOf(a), {});
    const again = a.start('q', '10.9.0.20');
    await a.tables.networks.cache.waitFor(() => fixedOf(a)['10.9.0.20'] && true);
    await a.tables.hosts.mutate({ ...key, name: 'b' }, (host) => ({
      ...host,
      status: { ...host.status, lostAt: '2026-01-02T03:04:05.000Z' },
    }));
    assert.equal(await again, '10.9.0.20');
    assert.equal(await a.start('r', '10.9.0.21'), '10.9.0.21');
  });
});

test('what a lost host’s pods had is free, and what comes back late takes nothing from who has it by then', async () => {
  await withHosts(async (a, b) => {
    await b.start('p', '10.9.0.200');
    const lost = (lostAt: string | undefined) =>
      a.tables.hosts.mutate({ ...key, name: 'b' }, ({ status: { lostAt: _, ...status }, ...host }) => ({
        ...host,
        status: lostAt === undefined ? status : { ...status, lostAt },
      }));
    await lost('2026-01-02T03:04:05.000Z');
    assert.equal(await a.start('q', '10.9.0.200'), '10.9.0.200');
    await lost(undefined);
    await b.end('p');
    assert.equal(fixedOf(a)['10.9.0.200']?.pod, 'q');
    await assert.rejects(b.start('p', '10.9.0.200'), inUse);
  });
});

test('a daemon gives back what an earlier one held for nobody, and holds what its pods had before', async () => {
  await withHosts(async (a) => {
    await a.start('gone', '10.9.0.200');
    a.stop();
    const pod = samplePod('old');
    const networks = [{ name, aliases: [], ipv4: '10.9.0.201' }];
    await a.tables.pods.create({ ...pod, spec: { ...pod.spec, networks } });
    const next = new Host('a', a.tables);
    next.pods.set(pod.meta.uid, '10.9.0.201');
    await next.begin();
    await a.tables.networks.cache.waitFor(() => fixedOf(a)['10.9.0.201'] && true);
    assert.deepEqual(Object.keys(fixedOf(a)), ['10.9.0.201']);
    next.stop();
  });
});

/** Starts with and without an address, and ends, on both hosts at once: no address is ever two pods'. */
async function race(seed: number, store?: Store): Promise<number> {
  const random = new SeededRandom(seed);
  let refused = 0;
  await withHosts(async (a, b) => {
    const hosts = [a, b];
    const owners = new Map<string, string>();
    // The first of each host's own block, and one of nobody's.
    const wishes = ['10.9.0.2', '10.9.0.3', '10.9.0.16', '10.9.0.17', '10.9.0.100'];
    const life = async (pod: string): Promise<void> => {
      const host = must(hosts[random.below(2)], 'a host');
      const wish = random.below(3) === 0 ? undefined : wishes[random.below(wishes.length)];
      for (let turns = random.below(12); turns > 0; turns -= 1) await turn();
      try {
        const address = await host.start(pod, wish);
        assert.equal(owners.get(address), undefined, `seed ${seed}: ${address} is given twice`);
        owners.set(address, pod);
        for (let turns = random.below(8); turns > 0; turns -= 1) await turn();
        owners.delete(address);
        await host.end(pod);
      } catch (error) {
        if (messageOf(error) !== inUse.message) throw error;
        refused += 1;
      }
    };
    await Promise.all(Array.from({ length: 24 }, (_, i) => life(`pod${i}`)));
    const left = await a.tables.networks.mutate(key, () => undefined);
    assert.equal(left.status.fixed, undefined, `seed ${seed}: claims are left`);
  }, store);
  return refused;
}

test('no address is given twice, whoever asks for it at whatever moment', async () => {
  let refused = 0;
  for (let seed = 1; seed <= 60; seed += 1) refused += await race(seed);
  assert.ok(refused > 60, `${refused}`);
});

test('nor over a store on disk', async () => {
  for (let seed = 1; seed <= 5; seed += 1) {
    const dir = mkdtempSync(join(tmpdir(), 'kraud-fixed-'));
    const store = openLmdbStore(dir);
    try {
      await race(seed, store);
    } finally {
      await store.close();
      rmSync(dir, { recursive: true });
    }
  }
});
