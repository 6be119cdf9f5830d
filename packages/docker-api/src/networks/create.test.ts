import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildNetwork } from '../testing/builders.ts';
import { TestServer } from '../testing/server.ts';

test('options of a bridge: harmless, without effect and said so, or refused', async () => {
  await using server = await TestServer.open();
  const create = (options: Record<string, string>): ReturnType<TestServer['ask']> =>
    server.ask('POST', '/networks/create', { Name: 'front', Options: options });
  const fine = await create({ 'com.docker.network.bridge.enable_icc': 'true', encrypted: '' });
  assert.deepEqual([fine.status, fine.json.Warning], [201, '']);
  for (const encrypted of ['', 'true']) {
    const hidden = await create({ encrypted });
    assert.deepEqual([hidden.status, hidden.json.Warning], [201, ''], hidden.text);
  }
  const moot = await create({ 'com.docker.network.bridge.name': 'br0', color: 'red' });
  assert.equal(moot.status, 201);
  assert.match(moot.json.Warning, /bridge\.name has no effect.*; option color has no effect/);
  for (const [name, value] of [
    ['com.docker.network.bridge.enable_icc', 'false'],
    ['com.docker.network.bridge.host_binding_ipv4', '127.0.0.1'],
    ['encrypted', 'false'],
  ] as const) {
    const refused = await create({ [name]: value });
    assert.equal(refused.status, 501, name);
    assert.ok(refused.json.message.includes(name));
  }
});

test('a network without IPv4 is refused, as dockerd does in a swarm', async () => {
  await using server = await TestServer.open();
  const create = (Driver: string): ReturnType<TestServer['ask']> =>
    server.ask('POST', '/networks/create', { Name: 'front', Driver, EnableIPv4: false });
  const { status, json } = await create('overlay');
  assert.deepEqual([status, json.message], [400, 'IPv4 cannot be disabled in a Swarm scoped network']);
  assert.equal((await create('bridge')).status, 501);
});

test('options of the address driver are shown again, and said to have no effect', async () => {
  await using server = await TestServer.open();
  const body = { Name: 'front', Driver: 'overlay', IPAM: { Options: { foo: 'bar' } } };
  const made = await server.ask('POST', '/networks/create', body);
  assert.deepEqual([made.status, /IPAM option foo has no effect/.test(made.json.Warning)], [201, true]);
  const docker = { Driver: 'overlay', Scope: 'swarm', IpamOptions: { foo: 'bar' } };
  server.fake.networks.push({ ...buildNetwork('front', 'vpc', '6d'.repeat(32)), given: { docker } });
  const { IPAM } = (await server.ask('GET', '/networks/front')).json;
  assert.deepEqual(IPAM.Options, { foo: 'bar', 'com.docker.network.ipam.serial': 'true' });
});

test('a swarm has an ingress network: shown, not made twice, and no service names it', async () => {
  await using server = await TestServer.open();
  const create = { Name: 'other', Driver: 'overlay', Ingress: true };
  const early = await server.ask('POST', '/networks/create', create);
  assert.deepEqual(
    [early.status, early.json.message.slice(0, 34)],
    [503, 'This node is not a swarm manager. '],
  );
  await server.ask('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377' });
  server.fake.networks.push(buildNetwork('ingress', 'ingress', '5c'.repeat(32)));
  const { Name, Driver, Scope, Ingress, Attachable, IPAM } = (await server.ask('GET', '/networks/ingress'))
    .json;
  assert.deepEqual(
    [Name, Driver, Scope, Ingress, Attachable, IPAM.Config],
    ['ingress', 'overlay', 'swarm', true, false, []],
  );
  for (const [scope, status] of [
    ['swarm', 200],
    ['local', 404],
  ] as const) {
    assert.equal((await server.ask('GET', `/networks/ingress?scope=${scope}`)).status, status, scope);
  }
  for (const [filter, value, count] of [
    ['driver', 'overlay', 1],
    ['scope', 'swarm', 1],
    ['dangling', 'true', 0],
  ] as const) {
    const filters = encodeURIComponent(JSON.stringify({ [filter]: [value] }));
    assert.equal((await server.ask('GET', `/networks?filters=${filters}`)).json.length, count, filter);
  }
  const again = await server.ask('POST', '/networks/create', create);
  assert.deepEqual(
    [again.status, again.json.message],
    [409, `rpc error: code = AlreadyExists desc = ingress network (${'5c'.repeat(32)}) is already present`],
  );
  const TaskTemplate = { ContainerSpec: { Image: 'app' }, Networks: [{ Target: 'ingress' }] };
  const service = await server.ask('POST', '/services/create', { Name: 'web', TaskTemplate });
  assert.deepEqual(
    [service.status, service.json.message],
    [400, 'Service cannot be explicitly attached to the ingress network "ingress"'],
  );
});

test('addresses of a network go to the cloud; what is no IPv4 subnet is refused by name', async () => {
  await using server = await TestServer.open();
  const create = (config: object): ReturnType<TestServer['ask']> =>
    server.ask('POST', '/networks/create', { Name: 'front', IPAM: { Config: [config] } });
  const config = { Subnet: '10.1.0.0/16', AuxiliaryAddresses: { router: '10.1.0.5' } };
  assert.equal((await create(config)).status, 201);
  const [draft] = server.fake.lastCall() as [{ subnet: string; reserved: object }];
  assert.deepEqual([draft.subnet, draft.reserved], ['10.1.0.0/16', { router: '10.1.0.5' }]);
  const refused = await create({ Subnet: '2001:db8::/64' });
  assert.equal(refused.status, 501);
  assert.match(refused.json.message, /2001:db8::\/64 is not supported: networks are IPv4/);
});
