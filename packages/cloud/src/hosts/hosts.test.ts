import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KraudError } from '@kraud/base';
import type { Membership } from '@kraud/host';
import type { Host, Pod } from '@kraud/macro';
import { sampleHost } from '@kraud/macro/samples';
import { cloudLimits } from '../limits.ts';
import type { CloudParts } from '../parts.ts';
import { HostUseCases } from './hosts.ts';
import type { HostPlace } from './place.ts';

const owner = { tenant: 'default', local: true };

function hostOf(name: string, uid: string, ready = true): Host {
  const host = sampleHost(name, { ready });
  return { ...host, meta: { ...host.meta, uid: uid.repeat(32), revision: 5 } };
}

function hostTable(all: Map<string, Host>): Pick<CloudParts['hosts'], 'get' | 'list' | 'mutate' | 'delete'> {
  return {
    get: (key) => all.get(key.name),
    list: () => [...all.values()],
    mutate: async (key, change) => {
      const present = all.get(key.name);
      if (!present) throw new KraudError('not-found', 'gone');
      const after = change(structuredClone(present)) ?? present;
      all.set(key.name, after);
      return after;
    },
    delete: async (key) => void all.delete(key.name),
  };
}

/** The use cases over hosts in memory. */
function world(membership?: Membership): { hosts: HostUseCases; all: Map<string, Host> } {
  const all = new Map(
    [hostOf('h1', 'a1'), hostOf('h2', 'a2'), hostOf('h3', 'b3', false)].map((host) => [host.meta.name, host]),
  );
  const bound = { meta: { name: 'p' }, spec: { host: 'h2' } } as Pod;
  const parts: Pick<CloudParts, 'hostName' | 'limits' | 'membership'> & {
    pods: Pick<CloudParts['pods'], 'list'>;
    hosts: Pick<CloudParts['hosts'], 'get' | 'list' | 'mutate' | 'delete'>;
  } = {
    hostName: 'h1',
    limits: { ...cloudLimits, hostLabelsMax: 2 },
    membership,
    pods: { list: () => [bound] },
    hosts: hostTable(all),
  };
  return { hosts: new HostUseCases(parts as unknown as CloudParts), all };
}

test('a host is found by name, uid, or the one beginning of a uid', async () => {
  const { hosts } = world();
  assert.equal((await hosts.get(owner, 'h2')).meta.name, 'h2');
  assert.equal((await hosts.get(owner, 'b')).meta.name, 'h3');
  assert.equal((await hosts.get(owner, 'a2'.repeat(32))).meta.name, 'h2');
  await assert.rejects(hosts.get(owner, 'a'), { code: 'invalid' });
  await assert.rejects(hosts.get(owner, 'h4'), { code: 'not-found', message: /kra host ls/ });
  assert.equal((await hosts.self(owner)).meta.name, 'h1');
  assert.deepEqual(
    (await hosts.pods(owner, 'h2')).map((pod) => pod.meta.name),
    ['p'],
  );
  assert.deepEqual(await hosts.pods(owner, 'h1'), []);
});

test('cordon, drain and back', async () => {
  const { hosts } = world();
  const change = async (wanted: object): Promise<object> => (await hosts.update(owner, 'h2', wanted)).spec;
  assert.deepEqual(await change({ cordoned: true }), { cordoned: true });
  assert.deepEqual(await change({ cordoned: false }), { cordoned: false, drained: false });
  assert.deepEqual(await change({ drained: true }), { cordoned: true, drained: true });
  assert.deepEqual(await change({ cordoned: false }), { cordoned: false, drained: false });
  await assert.rejects(change({ drained: true, cordoned: false }), { code: 'invalid' });
  assert.equal((await hosts.get(owner, 'h2')).meta.generation, 5);
  await hosts.update(owner, 'h2', { cordoned: false });
  assert.equal((await hosts.get(owner, 'h2')).meta.generation, 5, 'nothing changed');
});

test('labels', async () => {
  const { hosts } = world();
  const label = async (labels: Record<string, string | undefined>): Promise<object> =>
    (await hosts.update(owner, 'h2', { labels })).meta.labels;
  assert.deepEqual(await label({ 'kr.zone': 'a', disk: 'ssd' }), { 'kr.zone': 'a', disk: 'ssd' });
  assert.deepEqual(await label({ disk: undefined }), { 'kr.zone': 'a' });
  await assert.rejects(label({ 'kr.host': 'h9' }), { code: 'invalid', message: /fact/ });
  await assert.rejects(label({ 'a b': '' }), { code: 'invalid' });
  await assert.rejects(label({ a: 'x'.repeat(257) }), { code: 'invalid' });
  await assert.rejects(label({ a: '', b: '' }), { code: 'exhausted', message: /at most 2/ });
  assert.deepEqual((await hosts.get(owner, 'h2')).meta.labels, { 'kr.zone': 'a' });
});

test('a change that is based on an old version is a conflict', async () => {
  const { hosts } = world();
  await hosts.update(owner, 'h2', { manager: true }, 5);
  await assert.rejects(hosts.update(owner, 'h2', { manager: true }, 4), { code: 'conflict' });
});

test('a host that is ready goes only by force, and the one that is asked not at all', async () => {
  const removed: string[] = [];
  const { hosts, all } = world({
    ca: { root: { digest: 'd', cert: 'PEM' }, trusted: [] },
    rotation: async (given) => async () => void removed.push(`root: ${given?.cert ?? 'new'}`),
    remove: async (name) => void removed.push(name),
    issueToken: async (ttlMs) => ({ token: `for ${ttlMs}`, address: 'a', expiresAt: 'e' }),
    revokeTokens: async () => void removed.push('tokens'),
  });
  await assert.rejects(hosts.remove(owner, 'h2', { force: false }), {
    code: 'conflict',
    message: /drain h2/,
  });
  await assert.rejects(hosts.remove(owner, 'h1', { force: true }), {
    code: 'conflict',
    message: /ask another/,
  });
  await hosts.remove(owner, 'h3', { force: false });
  await hosts.remove(owner, 'h2', { force: true });
  assert.deepEqual(removed, ['h3', 'h2']);
  assert.deepEqual([...all.keys()], ['h1']);
  assert.equal((await hosts.joinToken(owner, { ttlMs: 5 })).token, 'for 5');
  assert.deepEqual(removed, ['h3', 'h2']);
  await hosts.joinToken(owner, { rotate: true });
  assert.deepEqual(removed, ['h3', 'h2', 'tokens']);
  await (await hosts.caRotation(owner))();
  const begin = await hosts.caRotation(owner, { cert: 'own', key: 'k' });
  assert.equal(removed.at(-1), 'root: new');
  await begin();
  assert.equal(removed.at(-1), 'root: own');
});

/** The use cases over a host that may go elsewhere. */
function goer(
  own: Partial<Record<'pods' | 'volumes' | 'secrets', unknown[]>>,
  place: Partial<HostPlace> = {},
) {
  const done: string[] = [];
  const table = (rows: readonly unknown[] = []) => ({ everywhere: () => rows, list: () => rows });
  const { all, hosts: _ } = world();
  const names = ['workloads', 'networks', 'configs'].map((name) => [name, table()]);
  const parts = {
    ...Object.fromEntries(names),
    hostName: 'h1',
    limits: cloudLimits,
    pods: {
      ...table(own.pods),
      follow: async () => {
        done.push('waits');
        own.pods?.pop();
      },
    },
    volumes: table(own.volumes),
    secrets: table(own.secrets),
    hosts: hostTable(all),
    place: {
      isShared: false,
      settledBy: undefined,
      join: async () => {
        done.push('asks');
        return async () => void done.push('joins');
      },
      leave: async () => void done.push('leaves'),
      ...place,
    },
  };
  return { hosts: new HostUseCases(parts as unknown as CloudParts), done, all, own };
}
const wish = { token: 't', addresses: ['a:1'], listen: { port: 1 }, begins: {} };
const called = (name: string, more: object = {}) => ({ meta: { name, tenant: 'default' }, ...more });

test('a host joins another cloud with nothing of its own, looked at before and after it was let in', async () => {
  const { hosts, done } = goer({});
  const commit = await hosts.join(owner, wish);
  assert.deepEqual(done, ['asks']);
  await commit();
  assert.deepEqual(done, ['asks', 'joins']);
  const busy = goer({ pods: ['a', 'b', 'c', 'd'].map((name) => called(name)), secrets: [called('s')] });
  await assert.rejects(busy.hosts.join(owner, wish), {
    code: 'conflict',
    message: /: 4 containers: a, b, c, …; 1 secret: s\. Remove them, .* kra store migrate/,
  });
  assert.deepEqual(busy.done, []);
  const late = goer({ volumes: [] });
  const joins = await late.hosts.join(owner, wish);
  late.own.volumes?.push(called('data'));
  await assert.rejects(joins(), { code: 'conflict', message: /1 volume: data/ });
  assert.deepEqual(late.done, ['asks']);
  await assert.rejects(goer({}, { isShared: true }).hosts.join(owner, wish), { code: 'conflict' });
});

test('a host leaves its cloud once its services’ pods have moved; what can’t move is named', async () => {
  const ofService = { spec: { host: 'h1' }, status: { phase: 'running' } };
  const pod = called('w.1', ofService);
  Object.assign(pod.meta, { owner: { kind: 'Workload', name: 'w', uid: 'u' } });
  const { hosts, done, all } = goer({ pods: [called('far', { spec: { host: 'h2' } }), pod] });
  await hosts.leave(owner, { force: false });
  assert.deepEqual(done, ['waits', 'leaves']);
  assert.equal(all.get('h1')?.spec.drained, true);
  const own = { pods: [called('db', ofService)], volumes: [called('data', { status: { host: 'h1' } })] };
  const kept = goer(own);
  await assert.rejects(kept.hosts.leave(owner, { force: false }), {
    code: 'conflict',
    message: /: container db, volume data\. .* --force/,
  });
  assert.equal(kept.all.get('h1')?.spec.drained, undefined);
  await kept.hosts.leave(owner, { force: true });
  assert.deepEqual(kept.done, ['leaves']);
  const settled = goer({}, { settledBy: '--store' });
  await assert.rejects(settled.hosts.leave(owner, { force: true }), { message: /started with --store/ });
});

test('a host that can’t leave after all takes pods as before', async () => {
  const { hosts, all } = goer({}, { leave: () => Promise.reject(new KraudError('exhausted', 'disk full')) });
  await assert.rejects(hosts.leave(owner, { force: false }), { code: 'exhausted' });
  assert.deepEqual(all.get('h1')?.spec, { cordoned: false, drained: false });
});

test('only the owner of the cloud changes its hosts; a cloud of one can’t be joined', async () => {
  const { hosts } = world();
  const tenant = { tenant: 'default', local: false };
  const refused = { code: 'forbidden' };
  await assert.rejects(hosts.update(tenant, 'h2', { cordoned: true }), refused);
  await assert.rejects(hosts.remove(tenant, 'h3', { force: true }), refused);
  await assert.rejects(hosts.joinToken(tenant, {}), refused);
  await assert.rejects(hosts.caRotation(tenant), refused);
  await assert.rejects(hosts.caRotation(owner), { code: 'conflict', message: /--listen/ });
  await assert.rejects(hosts.joinToken(owner, {}), { code: 'conflict', message: /kra store migrate/ });
});
