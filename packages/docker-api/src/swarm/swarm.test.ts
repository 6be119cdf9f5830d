import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { compactId } from '@kraud/base';
import { TestServer } from '../testing/server.ts';

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
  const made = await server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' });
  assert.equal(made.json, alpha);
  const again = await server.ask('POST', '/swarm/init', {});
  assert.equal(again.status, 409);
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
  await server.ask('POST', '/swarm/init', {});
  const { Version, Spec, TLSInfo } = (await server.ask('GET', '/swarm')).json;
  assert.equal(TLSInfo.TrustRoot, 'PEM');
  const next = { ...Spec, Orchestration: { TaskHistoryRetentionLimit: 2 } };
  assert.equal((await server.ask('POST', `/swarm/update?version=${Version.Index}`, next)).status, 200);
  const late = await server.ask('POST', `/swarm/update?version=${Version.Index}`, next);
  assert.equal(late.status, 500);
  assert.match(late.json.message, /update out of sequence/);
  assert.equal((await server.ask('GET', '/swarm')).json.Spec.Orchestration.TaskHistoryRetentionLimit, 2);
  const named = await server.ask('POST', `/swarm/update?version=${Version.Index + 1}`, { Name: 'other' });
  assert.equal(named.status, 400);
});

test('joining names the line that joins', async () => {
  const reply = await server.ask('POST', '/swarm/join', { JoinToken: 'abc', RemoteAddrs: ['10.0.0.1:7400'] });
  assert.equal(reply.status, 501);
  assert.match(reply.json.message, /kraudd --join abc@10\.0\.0\.1:7400 --listen/);
});

test('locking is refused by name', async () => {
  for (const [method, path] of [
    ['GET', '/swarm/unlockkey'],
    ['POST', '/swarm/unlock'],
  ] as const) {
    const reply = await server.ask(method, path);
    assert.equal(reply.status, 501);
    assert.match(reply.json.message, /unlock.* is not supported/);
  }
  const reply = await server.ask('POST', '/swarm/init', { AutoLockManagers: true });
  assert.match(reply.json.message, /AutoLockManagers is not supported/);
});

test('nodes are hosts: labels, availability, roles', async () => {
  await server.ask('POST', '/swarm/init', {});
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
  const filters = encodeURIComponent(JSON.stringify({ 'node.label': ['zone=a'], role: ['manager'] }));
  assert.equal((await server.ask('GET', `/nodes?filters=${filters}`)).json.length, 1);
  const other = encodeURIComponent(JSON.stringify({ role: ['king'] }));
  assert.equal((await server.ask('GET', `/nodes?filters=${other}`)).status, 400);
});

test('the last manager stays one', async () => {
  await server.ask('POST', '/swarm/init', {});
  const self = (await server.ask('GET', '/nodes/self')).json;
  const reply = await server.ask('POST', `/nodes/${self.ID}/update?version=${self.Version.Index}`, {
    ...self.Spec,
    Role: 'worker',
  });
  assert.equal(reply.status, 409);
  assert.match(reply.json.message, /last manager/);
});
