import assert from 'node:assert/strict';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { test } from 'node:test';
import { silentLogger, systemClock } from '@kraud/base';
import { createDockerApi } from './index.ts';
import { TestServer } from './testing/server.ts';

test('ping says what clients negotiate by', async () => {
  await using server = await TestServer.open();
  for (const method of ['GET', 'HEAD']) {
    const { status, headers, text } = await server.ask(method, '/_ping');
    assert.equal(status, 200);
    assert.equal(text, method === 'GET' ? 'OK' : '');
    assert.equal(headers['api-version'], '1.51');
    assert.equal(headers.ostype, 'linux');
    assert.equal(headers['docker-experimental'], 'false');
    assert.equal(headers.swarm, 'inactive');
    assert.match(String(headers.server), /^Kraud\//);
  }
});

test('what is not there, and what is not known', async () => {
  await using server = await TestServer.open();
  for (const path of ['/nowhere', '/v1.41/nowhere', '/images/a/b/c', '/']) {
    const reply = await server.ask('GET', path);
    if (path === '/images/a/b/c') assert.equal(reply.status, 404);
    assert.deepEqual([reply.status, reply.json], [404, { message: 'page not found' }]);
  }
  const options = await server.ask('OPTIONS', '/anything');
  assert.deepEqual([options.status, options.text], [200, '']);
  const old = await server.ask('GET', '/v1.12/info');
  assert.equal(old.status, 400);
  assert.match(old.json.message, /too old/);
  const pod = await server.ask('GET', '/v1.40/containers/nope/json');
  assert.deepEqual([pod.status, pod.json], [404, { message: 'No such container: nope' }]);
});

test('an unknown query parameter is named in a header', async () => {
  await using server = await TestServer.open();
  const { status, headers } = await server.ask('GET', '/containers/json?al=1');
  assert.equal(status, 200);
  assert.match(String(headers.warning), /unknown query parameter al ignored/);
});

for (const [what, body, headers, status, message] of [
  ['no body', undefined, {}, 400, /EOF/],
  ['not JSON', '{', {}, 400, /^invalid JSON/],
  ['a list', '[]', {}, 400, /the body must be an object/],
  [
    'a wrong type',
    '{"Image":"app","HostConfig":{"Memory":"1g"}}',
    {},
    400,
    /HostConfig\.Memory must be a whole number/,
  ],
  [
    'a wrong nested type',
    '{"Image":"app","HostConfig":{"Mounts":[{"Target":3}]}}',
    {},
    400,
    /HostConfig\.Mounts\[0\]\.Target must be a string/,
  ],
  [
    'another content type',
    '{"Image":"app"}',
    { 'Content-Type': 'text/plain' },
    400,
    /unsupported Content-Type header \(text\/plain\): must be 'application\/json'/,
  ],
  ['no content type', '{"Image":"app"}', { 'Content-Type': '' }, 400, /malformed Content-Type header \(\)/],
  ['nothing in it', '{}', {}, 400, /config cannot be empty/],
  ['no image', '{"Cmd":["ls"]}', {}, 400, /no image specified/],
  ['no image and no command', '{"Tty":true}', {}, 400, /no command specified/],
  [
    'a refused option',
    '{"Image":"app","HostConfig":{"PidMode":"host"}}',
    {},
    501,
    /^HostConfig\.PidMode is not supported/,
  ],
  ['an unknown image', '{"Image":"nope"}', {}, 404, /No such image: nope:latest/],
  ['a huge body', `{"Image":"${'x'.repeat(5_000)}"}`, {}, 413, /larger than 4000 bytes/],
] as const) {
  test(`create with ${what}: ${status}`, async () => {
    await using server = await TestServer.open({ limits: { bodyBytesMax: 4000 } });
    const reply = await server.ask('POST', '/containers/create', body, headers);
    assert.equal(reply.status, status);
    assert.match(reply.json.message, message);
    assert.equal(server.fake.pods.size, 0);
  });
}

test('a huge body without a length is cut off too', async () => {
  await using server = await TestServer.open({ limits: { bodyBytesMax: 4000 } });
  const client = server.raw();
  client.socket.write(
    'POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n',
  );
  for (let i = 0; i < 5; i += 1) client.socket.write(`400\r\n${'x'.repeat(1024)}\r\n`);
  assert.match(await client.until((text) => text.includes('message')), /^HTTP\/1\.1 413 /);
});

test('field names are found without regard to case, and unknown ones come back as warnings', async () => {
  await using server = await TestServer.open();
  const reply = await server.ask('POST', '/containers/create', {
    image: 'app',
    Newest: 1,
    hostconfig: { memory: 134_217_728, Shiny: true, Dull: false },
  });
  assert.equal(reply.status, 201);
  assert.deepEqual(reply.json.Warnings, [
    'Newest is not known and was ignored',
    'HostConfig.Shiny is not known and was ignored',
  ]);
  assert.equal(server.fake.drafts[0]?.container.resources?.memoryBytes, 134_217_728);
});

test('a client that is slow with its headers is told and cut off', async () => {
  await using server = await TestServer.open({ limits: { headersTimeoutMs: 50 } });
  const client = server.raw();
  client.socket.write('GET /_ping HTTP/1.1\r\nHost:');
  assert.match(await client.all(), /^HTTP\/1\.1 408 /);
});

test('a client that is slow with its body is told and cut off', async () => {
  await using server = await TestServer.open({ limits: { bodyIdleTimeoutMs: 50 } });
  const client = server.raw();
  client.socket.write(
    'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"Im',
  );
  assert.match(await client.all(), /^HTTP\/1\.1 408 [\s\S]*stopped arriving for 50 ms/);
});

test('rubbish instead of HTTP', async () => {
  await using server = await TestServer.open();
  const client = server.raw();
  client.socket.write('\x16\x03\x01\x02\x00rubbish\r\n\r\n');
  assert.match(await client.all(), /^HTTP\/1\.1 400 /);
  assert.equal((await server.ask('GET', '/_ping')).status, 200);
});

test('a client that closes its half after the request still gets the reply', async () => {
  await using server = await TestServer.open();
  const client = server.raw();
  client.socket.end('GET /version HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.match(await client.all(), /"ApiVersion":"1\.51"/);
});

test('a stale socket is replaced, a live one refused, and nobody else may use it', async () => {
  await using server = await TestServer.open();
  const mode = (await stat(server.path)).mode & 0o777;
  assert.equal(mode, 0o660);
  const other = createDockerApi({ clock: systemClock, logger: silentLogger, version: '0' });
  await assert.rejects(other.listen(server.path), { code: 'conflict' });
});

test('close ends what is under way', async () => {
  await using server = await TestServer.open({ limits: { drainTimeoutMs: 10 } });
  const id = await server.create(['sleep']);
  await server.ask('POST', `/containers/${id}/start`);
  const client = server.raw();
  client.socket.write(`GET /containers/${id}/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: x\r\n\r\n`);
  await client.until((text) => text.includes('200 OK'));
  const closed = once(client.socket, 'close');
  await server.close();
  client.socket.end();
  await closed;
});

test('an operation that is refused takes the whole body before it says so', async () => {
  await using server = await TestServer.open();
  const client = server.raw();
  const part = 'x'.repeat(65_536);
  client.socket.write('POST /build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (let i = 0; i < 64; i += 1) client.socket.write(`10000\r\n${part}\r\n`);
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
  client.socket.write('0\r\n\r\n');
  assert.match(await client.until((text) => text.includes('message')), /^HTTP\/1\.1 501 [\s\S]*build/);
});

test('between two clouds requests wait; what is under way is cut off', async () => {
  await using server = await TestServer.open({ limits: { drainTimeoutMs: 10 } });
  const events = server.raw();
  events.socket.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
  await events.until((text) => text.includes('200 OK'));
  await server.pause();
  await events.all();
  let answered = false;
  const waiting = server.ask('GET', '/version').then((reply) => {
    answered = true;
    return reply;
  });
  const gone = server.raw();
  gone.socket.end('GET /version HTTP/1.1\r\nHost: x\r\n\r\n');
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(answered, false);
  server.serve();
  assert.equal((await waiting).status, 200);
});

test('a thousand clients at once all get in', async () => {
  await using server = await TestServer.open();
  const clients = Array.from({ length: 1000 }, () => server.raw());
  await Promise.all(
    clients.map(async (client) => {
      client.socket.write('GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      assert.match(await client.all(), /^HTTP\/1\.1 200 /);
      client.socket.destroy();
    }),
  );
});
