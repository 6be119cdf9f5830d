import assert from 'node:assert/strict';
import { createServer, type RequestOptions, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { KraudError, silentLogger } from '@kraud/base';
import type { Cloud, CloudCa, Host, HostChange } from '@kraud/cloud';
import { createKraApi } from './index.ts';

const caller = { tenant: 'default', local: true };
const changes: HostChange[] = [];

const host: Host = {
  kind: 'Host',
  meta: {
    uid: 'ab'.repeat(32),
    tenant: 'default',
    namespace: 'default',
    name: 'h1',
    labels: { 'kr.zone': 'a' },
    annotations: {},
    generation: 1,
    finalizers: [],
    createdAt: '2026-01-01T00:00:00.000Z',
  },
  spec: { cordoned: true },
  status: {
    ready: true,
    cpus: 2,
    memoryBytes: 1024,
    architecture: 'amd64',
    kernel: '6.1',
    operatingSystem: 'Debian',
    accelerator: { kind: 'tcg', reason: 'a test' },
    heartbeatAt: '2026-01-01T00:00:00.000Z',
  },
  given: {},
};

const oldRoot = { digest: 'old', cert: 'OLD' };
const newRoot = { digest: 'new', cert: 'NEW' };
let ca: CloudCa | undefined;
const rotations: unknown[] = [];

const hosts: Cloud['hosts'] = {
  list: async () => [host],
  ca: async () => ca,
  caRotation: async (_caller, given) => async () => void rotations.push(given),
  get: async (_caller, ref) => {
    if (ref === 'h1') return host;
    if (ref === 'bug') throw new Error('a bug');
    throw new KraudError('not-found', `no host ${ref}`);
  },
  self: async () => host,
  pods: async () => [],
  update: async (_caller, _ref, change) => {
    changes.push(change);
    return host;
  },
  remove: async () => {
    throw new KraudError('conflict', 'it is ready');
  },
  join: () => Promise.reject(new Error('not asked')),
  leave: () => Promise.reject(new Error('not asked')),
  joinToken: async () => ({ token: 't', address: '10.0.0.1:7000', expiresAt: 'soon' }),
};

const used = { cpus: 0, memoryBytes: 0, pods: 0 };
const quotas: Cloud['quotas'] = {
  list: async () => [{ tenant: 'acme', band: 'batch', limit: {}, used }],
  set: async (_caller, tenant, band, limit) => {
    if (band !== 'batch') throw new KraudError('invalid', `unknown band '${band}'`);
    return { tenant, band, limit, used };
  },
};
const pods = {
  why: async (_caller: unknown, name: string) => ({
    ...{ name, state: 'pending' as const, host: undefined },
    sentences: ['no host has joined yet'],
    hosts: [],
  }),
} as Partial<Cloud['pods']> as Cloud['pods'];

const api = createKraApi({
  cloud: { hosts, quotas, pods } as Partial<Cloud> as Cloud,
  caller,
  logger: silentLogger,
  limits: { bodyBytesMax: 1000 },
});
const server = createServer((req, res) => api.handle(req, res));
before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
after(() => new Promise((resolve) => server.close(resolve)));

async function ask(method: string, path: string, body?: string): Promise<{ status: number; body: unknown }> {
  const { port } = server.address() as AddressInfo;
  const options: RequestOptions = { host: '127.0.0.1', port, method, path, agent: false };
  if (body !== undefined) options.headers = { 'Content-Length': Buffer.byteLength(body) };
  return await new Promise((resolve, reject) => {
    const call = request(options, async (response) => {
      const text = Buffer.concat(await response.toArray()).toString();
      resolve({ status: response.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text) });
    });
    call.once('error', reject);
    call.end(body);
  });
}

test('a host is shown with its state, and whether it is the one that answers', async () => {
  const { status, body } = await ask('GET', '/kraud/v1/hosts');
  assert.equal(status, 200);
  const [view] = body as Record<string, unknown>[];
  assert.equal(view?.name, 'h1');
  assert.equal(view?.state, 'cordoned');
  assert.equal(view?.self, true);
  assert.deepEqual(view?.labels, { 'kr.zone': 'a' });
});

test('a change reaches the use case; null takes a label away', async () => {
  const { status } = await ask(
    'PATCH',
    '/kraud/v1/hosts/h1',
    '{"labels":{"a":"b","c":null},"cordoned":false}',
  );
  assert.equal(status, 200);
  assert.deepEqual(changes.at(-1), { labels: { a: 'b', c: undefined }, cordoned: false });
});

test('faults are told with their code', async () => {
  const cases: [string, string, string | undefined, number, RegExp][] = [
    ['GET', '/kraud/v1/hosts/nobody', undefined, 404, /^not-found: no host nobody$/],
    ['GET', '/kraud/v1/nothing', undefined, 404, /^not-found: there is no GET \/kraud\/v1\/nothing$/],
    ['GET', '/kraud/v1/hosts/bug', undefined, 500, /^internal: a bug$/],
    ['DELETE', '/kraud/v1/hosts/h1', undefined, 409, /^conflict: it is ready$/],
    ['DELETE', '/kraud/v1/hosts/h1?force=perhaps', undefined, 400, /^invalid: query 'force'/],
    ['DELETE', '/kraud/v1/hosts/h1?forse=true', undefined, 400, /^invalid: query 'forse' is not known/],
    ['DELETE', '/kraud/v1/hosts/h1?force=true&force=true', undefined, 400, /'force' is given twice/],
    ['GET', '/kraud/v1/hosts?all=true', undefined, 400, /^invalid: this request takes no query/],
    ['PATCH', '/kraud/v1/hosts/h1', '{"cordoned":"yes"}', 400, /^invalid: body 'cordoned' must be boolean/],
    ['PATCH', '/kraud/v1/hosts/h1', '{"cordonned":true}', 400, /^invalid: body 'cordonned' is not known/],
    ['PATCH', '/kraud/v1/hosts/h1', '{', 400, /^invalid: the body is not JSON/],
    ['PATCH', '/kraud/v1/hosts/h1', `"${'x'.repeat(1000)}"`, 400, /^invalid: the body is larger than 1000/],
    ['PUT', '/kraud/v1/quotas/acme/gold', '{}', 400, /^invalid: unknown band 'gold'$/],
    ['PUT', '/kraud/v1/quotas/acme/batch', '{"cpus":-1}', 400, /^invalid: body 'cpus'/],
    ['PUT', '/kraud/v1/quotas/acme/batch', '{"cpu":1}', 400, /^invalid: body 'cpu' is not known/],
    ['GET', '/kraud/v1/hosts', '{"a":1}', 400, /^invalid: this request takes no body/],
  ];
  for (const [method, path, body, status, message] of cases) {
    const answer = await ask(method, path, body);
    const { code, message: text } = answer.body as { code: string; message: string };
    assert.match(`${code}: ${text}`, message);
    assert.equal(answer.status, status, text);
  }
});

test('a join token is made', async () => {
  const { body } = await ask('POST', '/kraud/v1/join-tokens', '{"ttlMs":1000}');
  assert.deepEqual(body, { token: 't', address: '10.0.0.1:7000', expiresAt: 'soon' });
});

test('the CA is shown with how far the hosts have come, and replaced', async () => {
  assert.deepEqual((await ask('GET', '/kraud/v1/ca')).body, { root: null, next: null, hosts: [] });
  ca = { root: oldRoot, trusted: [oldRoot] };
  const own = JSON.stringify({ root: { cert: 'C', key: 'K' } });
  assert.equal((await ask('POST', '/kraud/v1/ca/rotate', '{}')).status, 200);
  assert.equal((await ask('POST', '/kraud/v1/ca/rotate', own)).status, 200);
  assert.deepEqual(rotations, [undefined, { cert: 'C', key: 'K' }]);
  const half = await ask('POST', '/kraud/v1/ca/rotate', '{"root":{"cert":"C"}}');
  assert.equal(half.status, 400);
  ca = { root: oldRoot, next: newRoot, trusted: [oldRoot, newRoot] };
  const states = async (): Promise<unknown> =>
    ((await ask('GET', '/kraud/v1/ca')).body as { hosts: { state: string }[] }).hosts.map(
      ({ state }) => state,
    );
  assert.deepEqual(await states(), [], 'one that listens for no others has no certificate');
  const { status } = host;
  status.address = '10.0.0.1:7000';
  assert.deepEqual(await states(), ['behind']);
  status.trust = { issuer: 'new', roots: ['old', 'new'] };
  assert.deepEqual(await states(), ['done']);
  ca = { root: newRoot, trusted: [newRoot] };
  assert.deepEqual(await states(), ['behind'], 'it trusts one that is no more');
  status.ready = false;
  assert.deepEqual(await states(), ['away']);
  Object.assign(host, { status: { ...status, ready: true } });
});

test('quotas are listed and set, and a pod is explained', async () => {
  assert.deepEqual((await ask('GET', '/kraud/v1/quotas')).body, await quotas.list(caller));
  const limit = { cpus: 1.5, memoryBytes: 1024, pods: 0 };
  const { body } = await ask('PUT', '/kraud/v1/quotas/acme/batch', JSON.stringify(limit));
  assert.deepEqual(body, { tenant: 'acme', band: 'batch', limit, used });
  const why = await ask('GET', '/kraud/v1/why/web-1');
  assert.deepEqual(why.body, {
    name: 'web-1',
    state: 'pending',
    sentences: ['no host has joined yet'],
    hosts: [],
  });
});
