import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '@kraud/base';
import { type RawClient, TestServer } from '../testing/server.ts';

const upgrade = 'Connection: Upgrade\r\nUpgrade: tcp\r\n';

async function execOf(server: TestServer, cmd: string[], more: object = {}): Promise<string> {
  const pod = await server.create(['sleep']);
  await server.ask('POST', `/containers/${pod}/start`);
  const body = { AttachStdin: true, AttachStdout: true, AttachStderr: true, Cmd: cmd, ...more };
  return (await server.ask('POST', `/containers/${pod}/exec`, body)).json.Id;
}

function start(server: TestServer, id: string, headers: string, behind = '', tty = false): RawClient {
  const client = server.raw();
  const body = JSON.stringify({ Detach: false, Tty: tty });
  client.socket.write(
    `POST /v1.43/exec/${id}/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}${behind}`,
  );
  return client;
}

const payload = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);

for (const [form, headers, status, type] of [
  ['the upgrade', upgrade, '101 UPGRADED', 'multiplexed-stream'],
  ['the upgrade without its connection header', 'Upgrade: tcp\r\n', '101 UPGRADED', 'multiplexed-stream'],
  ['the old form', '', '200 OK', 'raw-stream'],
] as const) {
  test(`${form}: stdin closes with the client's half, and the output goes on to its end`, async () => {
    await using server = await TestServer.open();
    const id = await execOf(server, ['cat']);
    const client = start(server, id, headers);
    const head = await client.until((text) => text.includes('\r\n\r\n'));
    assert.ok(head.startsWith(`HTTP/1.1 ${status}\r\n`), head);
    assert.ok(head.includes(`Content-Type: application/vnd.docker.${type}\r\n`), head);
    client.socket.write('one');
    await client.until((text) => payload(text).endsWith('one'));
    client.socket.end('two');
    const text = payload(await client.all());
    assert.equal(text, '\x01\0\0\0\0\0\0\x03one\x01\0\0\0\0\0\0\x03two');
    assert.equal((await server.ask('GET', `/exec/${id}/json`)).json.ExitCode, 0);
  });

  test(`${form}: a drain does not wait for a session that is over`, async () => {
    await using server = await TestServer.open();
    const client = start(server, await execOf(server, ['cat']), headers);
    await client.until((text) => text.includes('\r\n\r\n'));
    client.socket.end();
    await client.all();
    await server.pause();
  });

  test(`${form}: what comes in one packet with the request is stdin`, async () => {
    await using server = await TestServer.open();
    const client = start(server, await execOf(server, ['cat']), headers, 'HELLO\n');
    client.socket.end();
    assert.equal(payload(await client.all()), '\x01\0\0\0\0\0\0\x06HELLO\n');
  });
}

test('without a tty stderr has its own number', async () => {
  await using server = await TestServer.open();
  const client = start(server, await execOf(server, ['err', 'no']), upgrade);
  client.socket.end();
  assert.equal(payload(await client.all()), '\x02\0\0\0\0\0\0\x03no\n');
});

test('with a tty bytes are raw, and the keys detach', async () => {
  await using server = await TestServer.open();
  const id = await execOf(server, ['cat'], { Tty: true, DetachKeys: 'ctrl-x,y' });
  const client = start(server, id, upgrade, '', true);
  client.socket.write('a\x18b');
  await client.until((text) => payload(text) === 'a\x18b');
  client.socket.write('\x18y');
  await client.all();
  assert.equal((await server.ask('GET', `/exec/${id}/json`)).json.Running, true);
  assert.ok(server.fake.calls.some(({ name }) => name === 'detach'));
});

test('a tty that the start does not speak of comes in frames', async () => {
  await using server = await TestServer.open();
  const client = start(server, await execOf(server, ['cat'], { Tty: true }), upgrade);
  client.socket.end('hi');
  assert.equal(payload(await client.all()), '\x01\0\0\0\0\0\0\x02hi');
});

test('output that nobody attached to is not sent', async () => {
  await using server = await TestServer.open();
  const id = await execOf(server, ['err', 'no'], { AttachStderr: false });
  const client = start(server, id, upgrade);
  client.socket.end();
  assert.equal(payload(await client.all()), '');
});

test('the reply has begun before the program runs: no output can come along with it', async () => {
  await using server = await TestServer.open();
  const held = Promise.withResolvers<void>();
  server.fake.execsHeld = held.promise;
  const client = start(server, await execOf(server, ['echo', 'hi']), upgrade);
  const head = await client.until((text) => text.includes('\r\n\r\n'));
  assert.equal(payload(head), '');
  held.resolve();
  client.socket.end();
  assert.match(payload(await client.all()), /hi/);
});

test('a client that loses what comes along with the head gets it later', async () => {
  const clock = new FakeClock();
  await using server = await TestServer.open({ clock });
  const id = await execOf(server, ['echo', 'hi']);
  const client = start(server, id, `${upgrade}User-Agent: docker-sdk-python/7.1.0\r\n`);
  await client.until((text) => text.includes('\r\n\r\n'));
  assert.equal(
    (await server.ask('GET', `/exec/${id}/json`)).json.Running,
    false,
    'its program has not begun',
  );
  await clock.advance(50);
  await client.until((text) => payload(text).includes('hi'));
  client.socket.destroy();
});

test('a detached start answers at once', async () => {
  await using server = await TestServer.open();
  const id = await execOf(server, ['sleep']);
  const reply = await server.ask('POST', `/exec/${id}/start`, { Detach: true });
  assert.deepEqual([reply.status, reply.text], [200, '']);
});

for (const [form, headers] of [
  ['the upgrade', upgrade],
  ['the old form', ''],
] as const) {
  test(`${form}: a program that can't be run is told in the stream, and counts as the exec's end`, async () => {
    await using server = await TestServer.open();
    const id = await execOf(server, ['nosuch']);
    const client = start(server, id, headers);
    client.socket.end();
    const text = payload(await client.all());
    assert.equal(text.slice(8), 'exec: "nosuch": executable file not found in $PATH\r\n');
    assert.equal(text.charCodeAt(0), 1);
    const { json } = await server.ask('GET', `/exec/${id}/json`);
    assert.deepEqual([json.Running, json.ExitCode], [false, 127]);
  });
}

test('detached, a program that can’t be run is an ordinary error', async () => {
  await using server = await TestServer.open();
  const id = await execOf(server, ['nosuch']);
  const reply = await server.ask('POST', `/exec/${id}/start`, { Detach: true });
  assert.equal(reply.status, 400);
  assert.match(reply.json.message, /executable file not found/);
});

test('fields that no table knows are named in the reply', async () => {
  await using server = await TestServer.open();
  const pod = await server.create(['sleep']);
  await server.ask('POST', `/containers/${pod}/start`);
  const reply = await server.ask('POST', `/containers/${pod}/exec?odd=1`, { Cmd: ['true'], Wrong: { a: 1 } });
  assert.equal(reply.status, 201);
  assert.match(
    String(reply.headers.warning),
    /unknown query parameter odd ignored.*unknown field Wrong ignored/,
  );
});

test('an unknown exec is an ordinary error, with an upgrade too', async () => {
  await using server = await TestServer.open();
  const client = start(server, 'nope', upgrade);
  const text = await client.until((t) => t.includes('message'));
  assert.match(text, /^HTTP\/1\.1 404 [\s\S]*No such exec instance: nope/);
});

test('a client that reads nothing stops the process, and nothing piles up', async () => {
  await using server = await TestServer.open();
  const id = await execOf(server, ['flood', '400']);
  const client = start(server, id, upgrade);
  client.socket.pause();
  const flood = server.fake.execs.get(id)?.process;
  assert.ok(flood);
  let seen = -1;
  while (seen !== flood.made) {
    seen = flood.made;
    for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(flood.made < 100, `${flood.made} pieces were made`);
  client.socket.resume();
  await client.all();
  assert.equal(flood.made, 400);
});

test('a client that disappears lets go of the process', async () => {
  await using server = await TestServer.open();
  const id = await execOf(server, ['flood', '1000000']);
  const client = start(server, id, upgrade);
  await client.until((text) => text.length > 100_000);
  client.socket.destroy();
  while (!server.fake.calls.some(({ name }) => name === 'detach')) {
    await new Promise((resolve) => setImmediate(resolve));
  }
});
