import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { KraudError } from '@kraud/base';
import { buildView, imageId } from '../testing/builders.ts';
import { TestServer } from '../testing/server.ts';

test('names may hold slashes', async () => {
  await using server = await TestServer.open();
  server.fake.images = [buildView(['reg.example:5000/a/b/json:1'])];
  const reply = await server.ask('GET', '/v1.51/images/reg.example:5000/a/b/json:1/json');
  assert.deepEqual(reply.json.RepoTags, ['reg.example:5000/a/b/json:1']);
  assert.equal(reply.json.VirtualSize, undefined);
  assert.equal(
    (await server.ask('GET', '/v1.40/images/reg.example:5000/a/b/json:1/json')).json.VirtualSize,
    1_000_000,
  );
  assert.equal((await server.ask('POST', '/images/a/b/tag?repo=c&tag=2')).status, 201);
  assert.deepEqual(server.fake.lastCall(), ['a/b', 'c:2']);
  assert.equal((await server.ask('DELETE', '/images/a/b')).json[0].Untagged, 'a/b');
  const blank = await server.ask('DELETE', '/images/%20');
  assert.deepEqual([blank.status, blank.json.message], [400, 'image name cannot be blank']);
});

test('the list, its filters and history', async () => {
  await using server = await TestServer.open();
  server.fake.images = [
    buildView(['docker.io/library/app:1']),
    buildView([], { id: `sha256:${'b2'.repeat(32)}` }),
  ];
  const list = async (filters: object): Promise<string[]> => {
    const { json } = await server.ask(
      'GET',
      `/images/json?filters=${encodeURIComponent(JSON.stringify(filters))}`,
    );
    return json.map((row: { Id: string }) => row.Id.slice(7, 9));
  };
  assert.deepEqual(await list({}), ['a1', 'b2']);
  assert.deepEqual(await list({ dangling: ['true'] }), ['b2']);
  assert.deepEqual(await list({ reference: ['app'] }), ['a1']);
  assert.deepEqual(await list({ label: ['none'] }), []);
  server.fake.images = [buildView(['docker.io/library/app:1', 'docker.io/other/name:2'])];
  const named = encodeURIComponent('{"reference":["other/name"]}');
  const { json: rows } = await server.ask('GET', `/images/json?filters=${named}`);
  assert.deepEqual(rows[0].RepoTags, ['other/name:2']);
  server.fake.images = [buildView(['docker.io/library/app:1'])];
  const { json } = await server.ask('GET', '/images/app/history');
  assert.deepEqual([json[0].Id, json[0].Tags], [imageId, ['app:1']]);
});

test('load: progress as it comes, a fault after the first byte in the stream, before it with its status', async () => {
  await using server = await TestServer.open();
  const load = (): ReturnType<TestServer['ask']> =>
    server.ask('POST', '/images/load', Buffer.from('not a tar'), { 'Content-Type': 'application/x-tar' });
  const good = await load();
  assert.deepEqual(good.json, { stream: 'Loaded image: app:latest\n' });
  for (const said of [true, false]) {
    server.fake.loading = async (progress) => {
      if (said) progress({ status: 'Loading layer' });
      throw new KraudError('corrupt', 'truncated layer');
    };
    const bad = await load();
    assert.equal(bad.status, said ? 200 : 400);
    assert.ok(
      bad.text.includes(
        said ? '"errorDetail":{"message":"truncated layer"}' : '{"message":"truncated layer"}',
      ),
    );
  }
});

test('credentials are read from base64url and refused if they are none', async () => {
  await using server = await TestServer.open();
  const pull = (auth: string): ReturnType<TestServer['ask']> =>
    server.ask('POST', '/images/create?fromImage=app&tag=1', undefined, { 'X-Registry-Auth': auth });
  const auth = Buffer.from('{"username":"ü","password":"p"}').toString('base64url');
  assert.equal((await pull(auth)).status, 200);
  const [reference, options] = server.fake.lastCall() as [string, { auth: object }];
  assert.deepEqual([reference, options.auth], ['app:1', { username: 'ü', password: 'p' }]);
  assert.equal((await pull('%%%')).status, 400);
});

test('an image answers for its own platform, and for no other', async () => {
  await using server = await TestServer.open();
  const own = encodeURIComponent('{"os":"linux","architecture":"amd64"}');
  const other = encodeURIComponent('{"os":"linux","architecture":"arm64","variant":"v8"}');
  for (const [method, path] of [
    ['GET', '/images/app/json'],
    ['GET', '/images/app/history'],
    ['GET', '/images/app/get'],
    ['POST', '/images/app/push'],
  ] as const) {
    assert.equal((await server.ask(method, `${path}?platform=${own}`)).status, 200, path);
    const refused = await server.ask(method, `${path}?platform=${other}`);
    assert.equal(refused.status, 404, path);
    assert.match(refused.json.message, /\(linux\/amd64\) does not match .* \(linux\/arm64\/v8\)/);
  }
  assert.equal((await server.ask('DELETE', `/images/app?platforms=${other}`)).status, 404);
  assert.equal((await server.ask('GET', '/images/app/json?platform=linux')).status, 400);
  assert.equal((await server.ask('GET', '/images/app/json?platform=%7B"os":"linux"%7D')).status, 400);
  assert.equal((await server.ask('GET', '/images/app/json?manifests=1')).status, 200);
  assert.equal((await server.ask('GET', `/images/app/json?manifests=1&platform=${own}`)).status, 400);
});

test('what older clients are told of an image, and newer ones are not', async () => {
  await using server = await TestServer.open();
  server.fake.images = [buildView([])];
  const row = async (version: string) => (await server.ask('GET', `/v${version}/images/json`)).json[0];
  assert.deepEqual((await row('1.42')).RepoTags, ['<none>:<none>']);
  assert.deepEqual((await row('1.42')).RepoDigests, ['<none>@<none>']);
  assert.deepEqual((await row('1.43')).RepoTags, []);
  assert.deepEqual([(await row('1.50')).Containers, (await row('1.51')).Containers], [-1, 0]);
  const config = async (version: string) =>
    (await server.ask('GET', `/v${version}/images/${imageId}/json`)).json.Config;
  assert.equal((await config('1.49')).Hostname, '');
  assert.ok(!('Hostname' in (await config('1.50'))) && !('Tty' in (await config('1.50'))));
});

test('a push without a tag is of the whole repository', async () => {
  await using server = await TestServer.open();
  await server.ask('POST', '/images/app/push');
  assert.deepEqual(server.fake.lastCall(), ['app']);
  await server.ask('POST', '/images/app/push?tag=1');
  assert.deepEqual(server.fake.lastCall(), ['app:1']);
});

test('the registry is asked what a name stands for', async () => {
  await using server = await TestServer.open();
  const auth = Buffer.from('{"username":"me","password":"p"}').toString('base64url');
  const { json } = await server.ask('GET', '/distribution/reg:5000/a/b:1/json', undefined, {
    'X-Registry-Auth': auth,
  });
  assert.deepEqual(json.Descriptor, { mediaType: 'm', digest: 'sha256:d', size: 3 });
  assert.deepEqual(json.Platforms, [{ os: 'linux', architecture: 'amd64' }]);
  assert.deepEqual(server.fake.lastCall(), ['reg:5000/a/b:1', { username: 'me', password: 'p' }]);
});

test('an image is imported from an address, for the owner of the local socket', async (t) => {
  const web = createServer((request, response) => {
    if (request.url === '/root.tar') response.end('a tar');
    else response.writeHead(404).end();
  });
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  t.after(() => web.close());
  const { port } = web.address() as AddressInfo;
  const ask = (server: TestServer, source: string): ReturnType<TestServer['ask']> =>
    server.ask('POST', `/images/create?fromSrc=${encodeURIComponent(source)}`);
  {
    await using server = await TestServer.open();
    const reply = await ask(server, `127.0.0.1:${port}/root.tar`);
    assert.equal(reply.status, 200);
    assert.match(reply.text, /Downloading from http:\/\/127.*sha256:c3c3/s);
    assert.equal(server.fake.archive.toString(), 'a tar');
    assert.deepEqual(server.fake.lastCall(), [`Imported from 127.0.0.1:${port}/root.tar`]);
    assert.equal((await ask(server, `http://127.0.0.1:${port}/no`)).status, 404);
    assert.equal((await ask(server, '/data/file.tar')).status, 500);
  }
  await using remote = await TestServer.open({ local: false });
  assert.equal((await ask(remote, `127.0.0.1:${port}/root.tar`)).status, 403);
});

test('an import that is refused before its archive is read is told so, whatever its size', async () => {
  await using server = await TestServer.open({ limits: { lingerTimeoutMs: 600_000 } });
  const tar = Buffer.alloc(3_000_000);
  const refused = await server.ask('POST', '/images/create?fromSrc=-&changes=FAIL', tar);
  assert.deepEqual([refused.status, refused.json.message], [400, 'FAIL is not a valid change']);
});

test('an import may be empty, and is for Linux, on whatever processor', async () => {
  await using server = await TestServer.open();
  const imported = (platform: string) =>
    server.ask('POST', `/images/create?fromSrc=-&repo=app&platform=${encodeURIComponent(platform)}`);
  for (const platform of ['', 'linux', 'LINUX', 'linux/sparc64']) {
    assert.equal((await imported(platform)).status, 200, platform);
    assert.deepEqual(server.fake.archive, Buffer.alloc(1024));
  }
  for (const [platform, message] of [
    ['       ', /is an invalid component/],
    ['macos', /operating system is not supported/],
    ['macos/arm64', /operating system is not supported/],
    ['nintendo64', /unknown operating system or architecture/],
  ] as const) {
    const refused = await imported(platform);
    assert.equal(refused.status, 400, platform);
    assert.match(refused.json.message, message);
  }
});
