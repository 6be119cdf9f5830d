import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { localAddressTo, tryToListen } from './reach.ts';

test('the address that leads to a host, and whether a port is free', async () => {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const { port } = address;
  assert.equal(await localAddressTo(`127.0.0.1:${port}`, 5_000), '127.0.0.1');
  await assert.rejects(tryToListen({ ip: '127.0.0.1', port }), {
    code: 'invalid',
    message: `could not listen at 127.0.0.1:${port}: address already in use`,
  });
  await assert.rejects(tryToListen({ ip: '192.0.2.1', port }), { message: /no such address/ });
  server.close();
  await once(server, 'close');
  await tryToListen({ ip: '127.0.0.1', port });
  await assert.rejects(localAddressTo(`127.0.0.1:${port}`, 5_000), {
    code: 'unavailable',
    message: /ECONNREFUSED/,
  });
});
