import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KraudError } from '@kraud/base';
import type { Membership } from '@kraud/host';
import type { Host, Pod } from '@kraud/macro';
import { cloudLimits } from '../limits.ts';
import type { CloudParts } from '../parts.ts';
import { HostUseCases } from './hosts.ts';

const owner = { tenant: 'default', local: true };

function hostOf(name: string, uid: string, ready = true): Host {
  return {
    kind: 'Host',
    meta: {
      uid: uid.repeat(32),
      tenant: 'default',
      namespace: 'default',
      name,
      labels: {},
      annotations: {},
      generation: 1,
      revision: 5,
      finalizers: [],
      createdAt: '2026-01-01T00:00:00.000Z',
    },
    spec: { cordoned: false },
    status: {
      ready,
      cpus: 1,
      memoryBytes: 0,
      architecture: 'amd64',
      kernel: '6.1',
      operatingSystem: 'Debian',
      accelerator: { kind: 'tcg', reason: 'a test' },
      heartbeatAt: '2026-01-01T00:00:00.000Z',
    },
    given: {},
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
    hosts: {
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
    },
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
    ca: 'PEM',
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
});

test('only the owner of the cloud changes its hosts; a cloud of one can’t be joined', async () => {
  const { hosts } = world();
  const tenant = { tenant: 'default', local: false };
  const refused = { code: 'forbidden' };
  await assert.rejects(hosts.update(tenant, 'h2', { cordoned: true }), refused);
  await assert.rejects(hosts.remove(tenant, 'h3', { force: true }), refused);
  await assert.rejects(hosts.joinToken(tenant, {}), refused);
  await assert.rejects(hosts.joinToken(owner, {}), { code: 'conflict', message: /kra store migrate/ });
});
