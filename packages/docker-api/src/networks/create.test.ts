import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestServer } from '../testing/server.ts';

test('options of a bridge: harmless, without effect and said so, or refused', async () => {
  await using server = await TestServer.open();
  const create = (options: Record<string, string>): ReturnType<TestServer['ask']> =>
    server.ask('POST', '/networks/create', { Name: 'front', Options: options });
  const fine = await create({ 'com.docker.network.bridge.enable_icc': 'true' });
  assert.deepEqual([fine.status, fine.json.Warning], [201, '']);
  const moot = await create({ 'com.docker.network.bridge.name': 'br0', color: 'red' });
  assert.equal(moot.status, 201);
  assert.match(moot.json.Warning, /bridge\.name has no effect.*; option color has no effect/);
  for (const [name, value] of [
    ['com.docker.network.bridge.enable_icc', 'false'],
    ['com.docker.network.bridge.host_binding_ipv4', '127.0.0.1'],
    ['encrypted', ''],
  ] as const) {
    const refused = await create({ [name]: value });
    assert.equal(refused.status, 501, name);
    assert.ok(refused.json.message.includes(name));
  }
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
