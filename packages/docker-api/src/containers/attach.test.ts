import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
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

test('the end of what is attached comes when the exit is known, or a little after the output', async () => {
  for (const exitToldTimeoutMs of [60_000, 1]) {
    await using server = await TestServer.open({ limits: { exitToldTimeoutMs } });
    const id = await server.create(['hush']);
    const client = attach(server, id, 'stream=1&stdout=1');
    await client.until((text) => text.includes('\r\n\r\n'));
    await server.ask('POST', `/containers/${id}/start`);
    if (exitToldTimeoutMs > 1) server.fake.process(id).kill(3);
    await client.all();
    const { State } = (await server.ask('GET', `/containers/${id}/json`)).json;
    assert.deepEqual([State.Running, State.ExitCode], exitToldTimeoutMs > 1 ? [false, 3] : [true, 0]);
  }
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

/** A client of a websocket, and what it was sent. */
async function webSocket(server: TestServer, path: string) {
  const socket = new WebSocket(`ws+unix://${server.path}:${path}`);
  const messages: { text: string; binary: boolean }[] = [];
  socket.on('message', (data, binary) => messages.push({ text: String(data), binary }));
  const closed = once(socket, 'close');
  await once(socket, 'open');
  return { socket, messages, closed };
}

test('a websocket carries what is typed and what comes of it, without frames', async () => {
  await using server = await TestServer.open();
  for (const [version, binary] of [
    ['1.43', true],
    ['1.27', false],
  ] as const) {
    const id = await server.create(['cat'], { OpenStdin: true, StdinOnce: true });
    await server.ask('POST', `/containers/${id}/start`);
    const asks = binary ? '&stdin=1&stdout=1' : '';
    const client = await webSocket(server, `/v${version}/containers/${id}/attach/ws?stream=1${asks}`);
    client.socket.send('hello');
    while (client.messages.length === 0) await once(client.socket, 'message');
    assert.deepEqual(client.messages, [{ text: 'hello', binary }]);
    client.socket.close();
    await client.closed;
  }
});

test('a websocket ends with the program, and by the keys that detach', async () => {
  await using server = await TestServer.open();
  const once = await server.create(['echo', 'hi']);
  const program = await webSocket(server, `/v1.43/containers/${once}/attach/ws?stream=1&stdout=1`);
  await server.ask('POST', `/containers/${once}/start`);
  await program.closed;
  assert.deepEqual(program.messages, [{ text: 'hi\n', binary: true }]);
  const cat = await server.create(['cat'], { Tty: true, OpenStdin: true });
  await server.ask('POST', `/containers/${cat}/start`);
  const typed = await webSocket(server, `/v1.43/containers/${cat}/attach/ws?stream=1&stdin=1&stdout=1`);
  typed.socket.send(Buffer.from('x\x10'));
  typed.socket.send(Buffer.from('\x11'));
  await typed.closed;
  assert.equal((await server.ask('GET', `/containers/${cat}/json`)).json.State.Running, true);
});

test('a websocket that is none, or is of no container, is told so by HTTP', async () => {
  await using server = await TestServer.open();
  const id = await server.create(['cat']);
  assert.equal((await server.ask('GET', `/containers/${id}/attach/ws`)).status, 400);
  const missing = await server.ask('GET', '/containers/none/attach/ws');
  assert.deepEqual([missing.status, missing.json.message], [404, 'No such container: none']);
  const headers = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' };
  const keyless = await server.ask('GET', `/containers/${id}/attach/ws?stream=1`, undefined, headers);
  assert.equal(keyless.status, 400);
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
