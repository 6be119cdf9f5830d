import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { compactId } from '@kraud/base';
import { nextCa, testCa } from '../testing/ca.ts';
import { TestServer } from '../testing/server.ts';
import { listenWish } from './addresses.ts';

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.open();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const alpha = compactId('1a'.repeat(32));

test('before init every command says that this is no manager', async () => {
  for (const path of ['/swarm', '/nodes', '/services', '/tasks', '/services/x', '/nodes/self']) {
    const reply = await server.ask('GET', path);
    assert.equal(reply.status, 503, path);
    assert.match(reply.json.message, /^This node is not a swarm manager\. Use "docker swarm init"/);
  }
  assert.equal((await server.ask('GET', '/info')).json.Swarm.LocalNodeState, 'inactive');
});

test('init makes the host a manager, once; leave ends it by force only', async () => {
  const nowhere = await server.ask('POST', '/swarm/init', { ListenAddr: '' });
  assert.deepEqual(
    [nowhere.status, nowhere.json.message],
    [400, 'invalid ListenAddr "": invalid empty address'],
  );
  const anywhere = await server.ask('POST', '/swarm/init', {
    ListenAddr: '0.0.0.0:2377',
    AdvertiseAddr: '0.0.0.0:2377',
  });
  assert.match(anywhere.json.message, /advertise address must be a non-zero IP address/);
  const state = async () => (await server.ask('HEAD', '/_ping')).headers.swarm;
  assert.equal(await state(), 'inactive');
  const made = await server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' });
  assert.equal(made.json, alpha);
  assert.equal(await state(), 'active/manager');
  const again = await server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' });
  assert.equal(again.status, 503);
  assert.match(again.json.message, /already part of a swarm/);
  const { Swarm: info } = (await server.ask('GET', '/info')).json;
  assert.deepEqual(
    [info.NodeID, info.LocalNodeState, info.ControlAvailable, info.Nodes, info.Managers],
    [alpha, 'active', true, 2, 1],
  );
  assert.equal((await server.ask('POST', '/swarm/leave')).status, 503);
  assert.equal((await server.ask('POST', '/swarm/leave?force=1')).status, 200);
  assert.equal((await server.ask('GET', '/swarm')).status, 503);
});

test('settings change in order', async () => {
  await server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' });
  const { Version, Spec, TLSInfo } = (await server.ask('GET', '/swarm')).json;
  assert.equal(TLSInfo.TrustRoot, testCa);
  const subject = Buffer.from(TLSInfo.CertIssuerSubject, 'base64');
  assert.equal(subject.toString('latin1'), '0\x101\x0e0\x0c\x06\x03U\x04\x03\x0c\x05Kraud', 'a name, in DER');
  assert.equal(Buffer.from(TLSInfo.CertIssuerPublicKey, 'base64').readUInt8(0), 0x30);
  assert.deepEqual((await server.ask('GET', '/nodes/self')).json.Description.TLSInfo, TLSInfo);
  const next = { ...Spec, Orchestration: { TaskHistoryRetentionLimit: 2 } };
  assert.equal((await server.ask('POST', `/swarm/update?version=${Version.Index}`, next)).status, 200);
  const late = await server.ask('POST', `/swarm/update?version=${Version.Index}`, next);
  assert.equal(late.status, 500);
  assert.match(late.json.message, /update out of sequence/);
  assert.equal((await server.ask('GET', '/swarm')).json.Spec.Orchestration.TaskHistoryRetentionLimit, 2);
  const named = await server.ask('POST', `/swarm/update?version=${Version.Index + 1}`, { Name: 'other' });
  assert.equal(named.status, 400);
  const brief = { ...next, CAConfig: { NodeCertExpiry: 900_000_000_000 } };
  const hurried = await server.ask('POST', `/swarm/update?version=${Version.Index + 1}`, brief);
  assert.deepEqual(
    [hurried.status, hurried.json.message],
    [400, 'minimum certificate expiry time is: 1h0m0s'],
  );
});

test('the CA is replaced: by a new root, or by one that is given; its key is not kept', async () => {
  await server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' });
  const { swarm } = server.fake;
  const update = async (change: object): Promise<[number, string | undefined]> => {
    const { Version, Spec } = (await server.ask('GET', '/swarm')).json;
    const CAConfig = { ...Spec.CAConfig, ...change };
    const reply = await server.ask('POST', `/swarm/update?version=${Version.Index}`, { ...Spec, CAConfig });
    return [reply.status, reply.json?.message];
  };
  const dayNs = 86_400_000_000_000;
  assert.deepEqual(await update({ NodeCertExpiry: dayNs }), [200, undefined]);
  assert.equal(swarm.swarm?.certificateTtlMs, 86_400_000);
  assert.deepEqual(swarm.rotations, [], 'other settings leave it as it is');
  assert.deepEqual(await update({ ForceRotate: 1 }), [200, undefined]);
  assert.deepEqual(await update({}), [200, undefined]);
  assert.deepEqual(swarm.rotations, ['new']);
  const own = { SigningCACert: testCa, SigningCAKey: 'key' };
  assert.deepEqual(await update(own), [200, undefined]);
  assert.deepEqual(swarm.rotations, ['new', { cert: testCa, key: 'key' }]);
  const { CAConfig } = (await server.ask('GET', '/swarm')).json.Spec;
  assert.deepEqual(CAConfig, { NodeCertExpiry: dayNs, ForceRotate: 1 });
  assert.doesNotMatch(JSON.stringify(swarm.swarm), /SigningCA/);
  const refusals: [object, number, RegExp][] = [
    [{ SigningCAKey: 'key' }, 400, /if a signing CA key is provided, the signing CA cert must also be/],
    [{ SigningCACert: testCa }, 501, /without its key is not supported: there are no external CAs/],
    [{ SigningCACert: testCa, SigningCAKey: 'wrong' }, 400, /does not belong to the CA certificate/],
    [{ ExternalCAs: [{ Protocol: 'cfssl', URL: 'https://x' }] }, 501, /ExternalCAs is not supported/],
  ];
  const { version } = swarm.swarm ?? {};
  for (const [change, status, message] of refusals) {
    const [got, told] = await update(change);
    assert.equal(got, status, told);
    assert.match(told ?? '', message);
  }
  assert.equal(swarm.swarm?.version, version, 'nothing was changed');
});

test('while the CA is replaced, clients see how far each node is', async () => {
  await server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' });
  const { swarm } = server.fake;
  const [alpha, beta] = swarm.hosts;
  assert.ok(alpha && beta);
  const next = { digest: 'b'.repeat(64), cert: nextCa };
  const old = swarm.ca.root;
  Object.assign(alpha.status, { address: '10.0.0.1:7', trust: { issuer: next.digest, roots: [old.digest] } });
  Object.assign(beta.status, { address: '10.0.0.2:7', trust: { issuer: old.digest, roots: [old.digest] } });
  swarm.ca = { root: old, next, trusted: [old, next] };
  const seen = async () => {
    const { TLSInfo: wanted, RootRotationInProgress: goesOn } = (await server.ask('GET', '/swarm')).json;
    const nodes = (await server.ask('GET', '/nodes')).json as { Description: { TLSInfo: typeof wanted } }[];
    const same = (name: string): boolean[] =>
      nodes.map(({ Description: { TLSInfo } }) => TLSInfo[name] === wanted[name]);
    return {
      goesOn,
      certs: same('CertIssuerPublicKey'),
      names: same('CertIssuerSubject'),
      roots: same('TrustRoot'),
    };
  };
  const half = { certs: [true, false], names: [true, false] };
  assert.deepEqual(await seen(), { goesOn: true, ...half, roots: [true, true] });
  swarm.ca = { root: next, trusted: [next] };
  Object.assign(alpha.status.trust ?? {}, { roots: [next.digest] });
  assert.deepEqual(await seen(), { goesOn: false, ...half, roots: [true, false] });
});

test('join says where to, by what and as what; nobody else changes anything after it', async () => {
  const body = {
    ListenAddr: '0.0.0.0:2377',
    JoinToken: 'abc',
    RemoteAddrs: ['10.0.0.1', '[fd00::1]:7400'],
    Availability: 'drain',
  };
  assert.equal((await server.ask('POST', '/swarm/join', body)).status, 200);
  assert.deepEqual(server.fake.swarm.wishes, [
    {
      token: 'abc',
      addresses: ['10.0.0.1:2377', '[fd00::1]:7400'],
      listen: { port: 2377 },
      begins: { cordoned: true, drained: true },
    },
  ]);
  assert.equal(server.fake.swarm.joined, true);
  let answered = false;
  const waiting = server.ask('GET', '/_ping').then(() => {
    answered = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(answered, false, 'it waits for the next cloud');
  server.serve();
  await waiting;
});

test('a join is refused in dockerd’s words', async () => {
  const good = { ListenAddr: '0.0.0.0:2377', JoinToken: 'abc', RemoteAddrs: ['10.0.0.1:7400'] };
  const refusals: [object, number, RegExp][] = [
    [{ RemoteAddrs: [] }, 400, /at least 1 RemoteAddr is required/],
    [{ RemoteAddrs: [''] }, 400, /invalid remoteAddr ""/],
    [{ RemoteAddrs: ['a:b:c'] }, 400, /invalid remoteAddr/],
    [{ JoinToken: '' }, 400, /A valid join token is necessary to join this cluster/],
    [{ JoinToken: 'wrong' }, 400, /^wrong$/],
    [{ JoinToken: 'late' }, 503, /^Timeout was reached before node joined: late/],
    [{ ListenAddr: 'nosuch0:1' }, 400, /nosuch0 is neither an IP address nor an interface/],
    [{ ListenAddr: '1.2.3.4:99999' }, 400, /invalid ListenAddr/],
    [{ Availability: 'later' }, 400, /invalid Availability/],
    [{ DataPathAddr: '10.0.0.1' }, 501, /DataPathAddr is not supported/],
  ];
  for (const [change, status, message] of refusals) {
    const reply = await server.ask('POST', '/swarm/join', { ...good, ...change });
    assert.equal(reply.status, status, JSON.stringify(change));
    assert.match(reply.json.message, message);
  }
  const busy = server.raw();
  busy.socket.write('POST /images/load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  await new Promise((resolve) => setTimeout(resolve, 20));
  const reply = await server.ask('POST', '/swarm/join', good);
  assert.deepEqual(
    [reply.status, reply.json.message],
    [409, 'POST /images/load is still under way; try again after it'],
  );
  busy.socket.destroy();
  assert.equal(server.fake.swarm.joined, false);
  await server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' });
  assert.match((await server.ask('POST', '/swarm/join', good)).json.message, /already part of a swarm/);
});

test('what it listens on and advertises', () => {
  const at = (ListenAddr: string, AdvertiseAddr?: string) =>
    listenWish({ ListenAddr, ...(AdvertiseAddr === undefined ? {} : { AdvertiseAddr }) }, (name) =>
      name === 'eth0' ? '10.0.0.7' : undefined,
    );
  assert.deepEqual(at(''), { port: 2377 });
  assert.deepEqual(at('0.0.0.0:7070'), { port: 7070 });
  assert.deepEqual(at('10.0.0.5:7070'), { address: '10.0.0.5', port: 7070 });
  assert.deepEqual(at('0.0.0.0:7070', '10.0.0.6'), { address: '10.0.0.6', port: 7070 });
  assert.deepEqual(at('0.0.0.0:7070', '10.0.0.6:1'), { address: '10.0.0.6', port: 1 });
  assert.deepEqual(at('eth0'), { address: '10.0.0.7', port: 2377 });
  assert.deepEqual(at('[::]:1', '[fd00::1]'), { address: 'fd00::1', port: 1 });
  assert.deepEqual(at('0.0.0.0:1', 'fd00::1'), { address: 'fd00::1', port: 1 });
});

test('a host that is no manager, or one of several, leaves by itself', async () => {
  await server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' });
  const { hosts, left } = server.fake.swarm;
  const [alpha, beta] = hosts;
  Object.assign(beta?.spec ?? {}, { manager: true });
  const reply = await server.ask('POST', '/swarm/leave');
  assert.equal(reply.status, 503);
  assert.match(reply.json.message, /participating as a manager. Use `--force` to suppress this message/);
  assert.equal((await server.ask('POST', '/swarm/leave?force=1')).status, 200);
  Object.assign(alpha?.spec ?? {}, { manager: false });
  assert.equal((await server.ask('GET', '/info')).json.Swarm.ControlAvailable, false);
  assert.equal((await server.ask('POST', '/swarm/leave')).status, 200);
  assert.deepEqual(left, [true, false]);
  assert.ok(server.fake.swarm.swarm, 'the swarm goes on');
});

test('locking is refused by name, and there is no key', async () => {
  assert.equal((await server.ask('GET', '/swarm/unlockkey')).status, 503);
  const unlock = async (): Promise<[number, string]> => {
    const { status, json } = await server.ask('POST', '/swarm/unlock', { UnlockKey: 'x' });
    return [status, json.message];
  };
  assert.deepEqual(await unlock(), [503, 'This node is not part of a swarm']);
  const reply = await server.ask('POST', '/swarm/init', {
    ListenAddr: '0.0.0.0:2377',
    AutoLockManagers: true,
  });
  assert.match(reply.json.message, /AutoLockManagers is not supported/);
  await server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' });
  assert.deepEqual((await server.ask('GET', '/swarm/unlockkey')).json, { UnlockKey: '' });
  const [status, message] = await unlock();
  assert.equal(status, 409);
  assert.match(message, /^swarm is not locked: unlocking is not supported/);
});

test('nodes are hosts: labels, availability, roles', async () => {
  await server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' });
  const nodes = (await server.ask('GET', '/nodes')).json;
  assert.deepEqual(
    nodes.map((node: { Description: { Hostname: string }; ManagerStatus?: { Leader: boolean } }) => [
      node.Description.Hostname,
      node.ManagerStatus?.Leader,
    ]),
    [
      ['alpha', true],
      ['beta', undefined],
    ],
  );
  const beta = (await server.ask('GET', '/nodes/beta')).json;
  const spec = { ...beta.Spec, Labels: { zone: 'a' }, Availability: 'drain', Role: 'manager' };
  const path = `/nodes/${beta.ID}/update?version=${beta.Version.Index}`;
  assert.equal((await server.ask('POST', path, spec)).status, 200);
  assert.deepEqual((await server.ask('GET', '/nodes/beta')).json.Spec, spec);
  const late = await server.ask('POST', path, beta.Spec);
  assert.match(late.json.message, /update out of sequence/);
  const here = await server.ask('DELETE', `/nodes/${beta.ID}`);
  assert.deepEqual(
    [here.status, here.json.message],
    [400, `node ${beta.ID} is not down and can't be removed`],
  );
  const filters = encodeURIComponent(JSON.stringify({ 'node.label': ['zone=a'], role: ['manager'] }));
  assert.equal((await server.ask('GET', `/nodes?filters=${filters}`)).json.length, 1);
  const other = encodeURIComponent(JSON.stringify({ role: ['king'] }));
  assert.equal((await server.ask('GET', `/nodes?filters=${other}`)).status, 400);
});

test('the last manager stays one', async () => {
  await server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' });
  const self = (await server.ask('GET', '/nodes/self')).json;
  const reply = await server.ask('POST', `/nodes/${self.ID}/update?version=${self.Version.Index}`, {
    ...self.Spec,
    Role: 'worker',
  });
  assert.equal(reply.status, 400);
  assert.match(reply.json.message, /last manager of the swarm/);
});

test('what is settled at the beginning is shown, also after a change', async () => {
  const init = (more: object) => server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377', ...more });
  const refused = await init({ DataPathAddr: '0.0.0.0' });
  assert.deepEqual(
    [refused.status, refused.json.message],
    [400, 'data path address must be a non-zero IP address'],
  );
  assert.equal((await init({ DataPathPort: 80 })).status, 400);
  await init({ DataPathPort: 7777, DefaultAddrPool: ['10.20.0.0/16'], SubnetSize: 26 });
  const shown = async (): Promise<unknown[]> => {
    const { json } = await server.ask('GET', '/swarm');
    return [json.DataPathPort, json.DefaultAddrPool, json.SubnetSize];
  };
  const wanted = [7777, ['10.20.0.0/16'], 26];
  assert.deepEqual(await shown(), wanted);
  const { Version, Spec } = (await server.ask('GET', '/swarm')).json;
  await server.ask('POST', `/swarm/update?version=${Version.Index}`, Spec);
  assert.deepEqual(await shown(), wanted);
});

test('an event of a node tells what changed', async () => {
  await server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' });
  const { ID, Version, Spec } = (await server.ask('GET', '/nodes/beta')).json;
  const change = { ...Spec, Availability: 'pause', Role: 'manager' };
  await server.ask('POST', `/nodes/${ID}/update?version=${Version.Index}`, change);
  const event = server.fake.events.find(({ type }) => type === 'node');
  assert.deepEqual((event as { attributes?: unknown } | undefined)?.attributes, {
    name: 'beta',
    'availability.old': 'active',
    'availability.new': 'pause',
    'role.old': 'worker',
    'role.new': 'manager',
  });
});

test('a new cluster by force keeps the swarm, with this host as its only manager', async () => {
  const init = () => server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377', ForceNewCluster: true });
  assert.equal((await init()).json, alpha, 'without a swarm it begins one');
  const beta = (await server.ask('GET', '/nodes/beta')).json;
  const promoted = { ...beta.Spec, Role: 'manager' };
  await server.ask('POST', `/nodes/${beta.ID}/update?version=${beta.Version.Index}`, promoted);
  const before = (await server.ask('GET', '/swarm')).json;
  assert.equal((await init()).json, alpha);
  const after = (await server.ask('GET', '/swarm')).json;
  assert.deepEqual([after.ID, after.Spec], [before.ID, before.Spec]);
  assert.notEqual(after.Version.Index, before.Version.Index);
  const roles = (await server.ask('GET', '/nodes')).json.map(
    ({ Spec }: { Spec: { Role: string } }) => Spec.Role,
  );
  assert.deepEqual(roles, ['manager', 'worker']);
});
