import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RawClient, TestServer } from '../testing/server.ts';

const payload = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);

function attach(server: TestServer, id: string, query: string): RawClient {
  const client = server.raw();
  client.socket.write(
    `POST /v1.43/containers/${id}/attach?${query} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n`,
  );
  return client;
}

test('what docker run does: create, attach, wait, start', async () => {
  await using server = await TestServer.open();
  const id = await server.create(['echo', 'hi']);
  const client = attach(server, id, 'stream=1&stdout=1&stderr=1');
  await client.until((text) => text.includes('\r\n\r\n'));
  const waiting = server.raw();
  waiting.socket.write(
    `POST /v1.43/containers/${id}/wait?condition=next-exit HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`,
  );
  await waiting.until((text) => text.includes('\r\n\r\n'));
  assert.equal((await server.ask('POST', `/v1.43/containers/${id}/start`)).status, 204);
  assert.equal(payload(await client.all()), '\x01\0\0\0\0\0\0\x03hi\n');
  await waiting.until((text) => text.includes('"StatusCode":0'));
  assert.equal((await server.ask('POST', `/containers/${id}/start`)).status, 204);
});

test('stdin of one client stays open for the next, unless it is once', async () => {
  await using server = await TestServer.open();
  for (const once of [true, false]) {
    const id = await server.create(['cat'], { OpenStdin: true, StdinOnce: once });
    await server.ask('POST', `/containers/${id}/start`);
    const client = attach(server, id, 'stream=1&stdin=1&stdout=1');
    await client.until((text) => text.includes('\r\n\r\n'));
    client.socket.end('a');
    await client.until((text) => payload(text).endsWith('a'));
    if (once) await client.all();
    const { State } = (await server.ask('GET', `/containers/${id}/json`)).json;
    assert.equal(State.Running, !once);
    client.socket.destroy();
  }
});

test('the default keys detach from a tty, and the container goes on', async () => {
  await using server = await TestServer.open();
  const id = await server.create(['cat'], { Tty: true, OpenStdin: true });
  await server.ask('POST', `/containers/${id}/start`);
  const client = attach(server, id, 'stream=1&stdin=1&stdout=1');
  await client.until((text) => text.includes('raw-stream'));
  client.socket.write('x\x10\x11');
  await client.all();
  assert.deepEqual(
    server.fake.events.map(({ action }) => action),
    ['attach', 'detach'],
  );
  assert.equal((await server.ask('GET', `/containers/${id}/json`)).json.State.Running, true);
});

test('a websocket is refused by name', async () => {
  await using server = await TestServer.open();
  const id = await server.create(['cat']);
  const reply = await server.ask('GET', `/containers/${id}/attach/ws`);
  assert.equal(reply.status, 501);
  assert.match(reply.json.message, /websocket/);
});

test('a wait whose client goes away is over', async () => {
  await using server = await TestServer.open();
  const id = await server.create(['sleep']);
  await server.ask('POST', `/containers/${id}/start`);
  const client = server.raw();
  client.socket.write(`POST /containers/${id}/wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
  await client.until((text) => text.includes('200 OK'));
  client.socket.end();
  await client.all();
});
