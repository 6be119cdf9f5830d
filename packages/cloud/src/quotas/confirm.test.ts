import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { codeOf, newId, silentLogger, systemClock, systemRandom } from '@kraud/base';
import type { ImageFacts } from '@kraud/host';
import { openMemoryStore, type Store, Tables } from '@kraud/macro';
import { sampleMeta } from '@kraud/macro/samples';
import type { Caller } from '../contract.ts';
import { ImageFinder } from '../images/find.ts';
import { cloudLimits } from '../limits.ts';
import type { CloudParts } from '../parts.ts';
import type { WorkloadDraft } from '../workloads/contract.ts';
import { versionOf } from '../workloads/version.ts';
import { WorkloadUseCases } from '../workloads/workloads.ts';

const caller: Caller = { tenant: 'default', local: true };
const wish = { signal: new AbortController().signal };
const id = `sha256:${'a'.repeat(64)}`;
const ends: (() => Promise<void>)[] = [];
let store: Store;
let hosts: Host[];

interface Host {
  readonly tables: Tables;
  readonly workloads: WorkloadUseCases;
}

const meta = (name: string) => sampleMeta('Tenant', name, { uid: newId(systemRandom) });

/** Writes wait for each other, so that all have been checked before the first of them. */
class Barrier {
  #waiting: (() => void)[] = [];
  #expected = 0;

  expect(count: number): void {
    this.#expected = count;
  }

  async pass(): Promise<void> {
    if (this.#expected === 0) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length < this.#expected) return;
      this.#expected = 0;
      for (const go of this.#waiting.splice(0)) go();
    });
  }
}
const barrier = new Barrier();

/** A host of its own, with caches of its own. */
async function host(): Promise<Host> {
  const tables = new Tables({ store, clock: systemClock, logger: silentLogger });
  const stop = new AbortController();
  const running = tables.run(stop.signal);
  await tables.ready();
  ends.push(async () => {
    stop.abort();
    await running;
  });
  const { workloads } = tables;
  const slow = new Proxy(workloads, {
    get(target, name) {
      if (name === 'create' || name === 'mutate') {
        return async (...args: unknown[]) => {
          await barrier.pass();
          return await Reflect.apply(target[name], target, args);
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const parts = {
    ...{ pods: tables.pods, images: tables.images, volumes: tables.volumes, networks: tables.networks },
    ...{ secrets: tables.secrets, configs: tables.configs, tenants: tables.tenants, hosts: tables.hosts },
    workloads: slow,
    imageContent: {
      facts: async () => ({ id, config: { cmd: ['sh'], labels: {} } }) as unknown as ImageFacts,
    },
    ...{ clock: systemClock, random: systemRandom, logger: silentLogger, limits: cloudLimits },
  } as unknown as CloudParts;
  const images = { pull: () => Promise.reject(new Error('not asked')) };
  const tools = { parts, images, finder: new ImageFinder(parts) };
  return { tables, workloads: new WorkloadUseCases(tools, { record: async () => {} }) };
}

before(async () => {
  store = openMemoryStore({ clock: systemClock });
  hosts = [await host(), await host()];
  const { tables } = hosts[0] as Host;
  await tables.tenants.create({
    kind: 'Tenant',
    meta: meta('default'),
    spec: { local: true, quota: { production: { pods: 3 } } },
    status: {},
    given: {},
  });
  await tables.images.create({
    kind: 'Image',
    meta: meta(id),
    spec: { id, tags: ['docker.io/library/app:1'], digests: [] },
    status: { sizeBytes: 1 },
    given: {},
  });
  const revision = await store.revision();
  for (const each of hosts)
    await Promise.all([each.tables.tenants.reached(revision), each.tables.images.reached(revision)]);
});
after(async () => {
  for (const end of ends) await end();
  await store.close();
});

function draft(name: string, replicas: number): WorkloadDraft {
  const policy = {
    ...({ parallelism: 1, delayMs: 0, order: 'stop-first', onFailure: 'pause' } as const),
    ...{ monitorMs: 1000, maxFailureRatio: 0 },
  } as const;
  return {
    ...{ name, labels: {}, annotations: {}, given: {}, mode: { type: 'replicated', replicas } },
    pod: {
      ...{ labels: {}, annotations: {}, given: {}, container: { image: 'app:1' } },
      ...{ hostname: '', domainname: '', networks: [], dns: { servers: [], search: [], options: [] } },
      ...{ extraHosts: [], sysctls: {}, ports: [], publishAll: false, exposed: [] },
    },
    ...{ templated: false, update: policy, rollback: policy, force: 0 },
    restart: { condition: 'any', delayMs: 0, attemptsMax: 0, windowMs: 0 },
  };
}

/** Replicas of all workloads, as the store has them. */
async function total(): Promise<number> {
  const revision = await store.revision();
  const { tables } = hosts[0] as Host;
  await tables.workloads.reached(revision);
  return tables.workloads
    .everywhere()
    .filter(({ meta: { deletedAt } }) => deletedAt === undefined)
    .reduce((sum, { spec }) => sum + (spec.mode.type === 'replicated' ? spec.mode.replicas : 0), 0);
}

test('two that are made at the same moment on two hosts do not both stay', async () => {
  barrier.expect(2);
  const made = await Promise.allSettled(
    hosts.map((each, n) => each.workloads.create(caller, draft(`w${n}`, 2), wish)),
  );
  const refused = made.filter((each) => each.status === 'rejected');
  assert.ok(refused.length >= 1, 'at least the later one is refused');
  for (const { reason } of refused) assert.equal(codeOf(reason), 'forbidden');
  assert.ok((await total()) <= 3);
});

test('two that grow at the same moment do not both; who was refused is as before', async () => {
  const [first, second] = hosts as [Host, Host];
  for (const each of await first.workloads.list(caller)) await first.tables.workloads.delete(each.meta);
  const [a, b] = [
    (await first.workloads.create(caller, draft('a', 1), wish)).workload,
    (await first.workloads.create(caller, draft('b', 1), wish)).workload,
  ];
  await second.tables.workloads.reached(await store.revision());
  barrier.expect(2);
  const grown = await Promise.allSettled([
    first.workloads.update(caller, 'a', draft('a', 2), versionOf(a), wish),
    second.workloads.update(caller, 'b', draft('b', 2), versionOf(b), wish),
  ]);
  const refused = grown.filter((each) => each.status === 'rejected');
  assert.ok(refused.length >= 1);
  for (const { reason } of refused) assert.equal(codeOf(reason), 'forbidden');
  assert.equal(await total(), 2 + grown.length - refused.length);
});
