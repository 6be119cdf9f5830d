import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { codeOf, KraudError, systemClock } from '@kraud/base';
import { digestOf } from '../digest.ts';
import { mediaTypes } from '../image/manifest.ts';
import type { ImageStore } from '../image-store.ts';
import { Reference } from '../reference/reference.ts';
import { answer, type Behaviour, fakeImage, fakeRegistry } from '../testing/fake-registry.ts';
import { makeTar } from '../testing/make-tar.ts';
import { openStore, tempDir } from '../testing/open-store.ts';
import { serve } from '../testing/test-server.ts';
import { type RegistrySettings, registrySettings } from './settings.ts';

const noise = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919) >> (i % 8)));
const image = fakeImage([makeTar({ path: 'a', content: noise }), makeTar({ path: 'b', content: 'b' })]);
const [layer] = image.layers;

async function open(
  t: TestContext,
  settings: Partial<RegistrySettings> = {},
): Promise<{ store: ImageStore; leftovers: () => Promise<string[]> }> {
  const dir = await tempDir(t);
  const registries = { ...registrySettings, backoff: { firstMs: 1, maxMs: 2 }, ...settings };
  const store = await openStore(t, { dir, clock: systemClock, registries });
  const leftovers = async (): Promise<string[]> => [
    ...(await readdir(join(dir, 'tmp'))),
    ...(await readdir(join(dir, 'blobs', 'sha256'))),
    ...(await readdir(join(dir, 'images'))),
  ];
  return { store, leftovers };
}

/** For a behaviour in one expression. */
const done = (_answered: unknown): true => true;

/** Does something else for the big layer only, given how often it has been asked for. */
function onLayer(act: (time: number, ...rest: Parameters<Behaviour>) => boolean): Behaviour {
  let time = 0;
  return (request, response, bytes) => {
    if (!request.url?.endsWith(layer ?? '')) return false;
    time += 1;
    return act(time, request, response, bytes);
  };
}

const cut: Behaviour = (_request, response, bytes) => {
  response.writeHead(200, { 'content-length': bytes?.length ?? 0 });
  response.write(bytes?.subarray(0, 20_000), () => response.destroy());
  return true;
};

test('a broken download goes on where it stopped', async (t) => {
  const registry = await fakeRegistry(
    t,
    [image],
    onLayer((time, ...rest) => time === 1 && cut(...rest)),
  );
  const { store } = await open(t);
  const pulled = await store.pull(Reference.parse(`${registry.host}/app:0`));
  assert.equal(pulled.repoDigest, digestOf(image.manifest));
  const ranges = registry.requests
    .filter((request) => request.url?.endsWith(layer ?? ''))
    .map((r) => r.headers.range);
  assert.equal(ranges.length, 2);
  assert.match(ranges[1] ?? '', /^bytes=\d+-$/);
});

test('a server that knows no ranges is read again from the start', async (t) => {
  const whole: Behaviour = (_request, response, bytes) => {
    response.end(bytes);
    return true;
  };
  const registry = await fakeRegistry(
    t,
    [image],
    onLayer((time, ...rest) => (time === 1 ? cut(...rest) : whole(...rest))),
  );
  const { store } = await open(t);
  assert.equal((await store.pull(Reference.parse(`${registry.host}/app:0`))).image.layers.length, 2);
});

test('busy and failing servers are asked again, within limits', async (t) => {
  const failing = [429, 500, 503];
  const registry = await fakeRegistry(
    t,
    [image],
    onLayer((time, _request, response) => {
      const status = failing[time - 1];
      if (status !== undefined) response.writeHead(status, { 'retry-after': '1' }).end();
      return status !== undefined;
    }),
  );
  const { store } = await open(t);
  await store.pull(Reference.parse(`${registry.host}/app:0`));
});

test('what stays wrong fails by name and leaves nothing', async (t) => {
  const table: [string, Behaviour, string, RegExp][] = [
    ['always cut at the start', onLayer((_, _q, response) => done(response.destroy())), 'unavailable', /./],
    [
      'too short',
      onLayer((_, request, response, bytes) => {
        answer(request, response, (bytes ?? Buffer.alloc(0)).subarray(0, 100));
        return true;
      }),
      'unavailable',
      /range|sent 100 of/,
    ],
    [
      'other bytes',
      onLayer((_, _q, response, bytes) => done(response.end(Buffer.alloc(bytes?.length ?? 0)))),
      'corrupt',
      /verification failed for digest/,
    ],
    [
      'endless',
      onLayer((_, _q, response) => {
        const more = (): void => {
          while (!response.destroyed && response.write(noise)) {}
          if (!response.destroyed) response.once('drain', more);
        };
        more();
        return true;
      }),
      'corrupt',
      /does not have the \d+ bytes/,
    ],
    ['forbidden', onLayer((_, _q, response) => done(response.writeHead(403).end())), 'forbidden', /denied/],
    ['gone', onLayer((_, _q, response) => done(response.writeHead(404).end())), 'not-found', /blob sha256/],
    ['silent', onLayer(() => true), 'timeout', /no answer within 200 ms/],
    [
      'redirecting for ever',
      onLayer((_, request, response) => done(response.writeHead(307, { location: request.url }).end())),
      'unavailable',
      /redirects too often/,
    ],
  ];
  for (const [what, behave, code, message] of table) {
    const registry = await fakeRegistry(t, [image], behave);
    const { store, leftovers } = await open(t, { responseTimeoutMs: 200, attemptsMax: 2, resumesMax: 3 });
    await assert.rejects(
      store.pull(Reference.parse(`${registry.host}/app:0`)),
      (error) => error instanceof KraudError && error.code === code && message.test(error.message),
      what,
    );
    assert.deepEqual(await leftovers(), [], what);
  }
});

test('a manifest that lies is refused', async (t) => {
  const manifest = JSON.parse(image.manifest.toString());
  const make = (change: object): Buffer => Buffer.from(JSON.stringify({ ...manifest, ...change }));
  const table: [string, Buffer, RegExp][] = [
    ['an index and an image', make({ manifests: [] }), /both an image and an index/],
    ['no layers', make({ layers: undefined }), /layers is not a list/],
    ['too few layers', make({ layers: [] }), /manifest has 0 layers, the image's config 2/],
    ['the old kind', Buffer.from('{"schemaVersion":1}'), /unsupported manifest media type: .*v1\+json/],
    [
      'not an image',
      make({ config: { ...manifest.config, mediaType: 'application/x' } }),
      /not a container image/,
    ],
    ['a negative size', make({ config: { ...manifest.config, size: -1 } }), /whole number/],
    ['a path for a digest', make({ config: { ...manifest.config, digest: '../../x' } }), /invalid digest/],
    ['no JSON', Buffer.from('<html>'), /not valid JSON/],
    ['too much', Buffer.alloc(9 << 20, ' '), /larger than/],
  ];
  for (const [what, bytes, message] of table) {
    const registry = await fakeRegistry(t, [{ ...image, manifest: bytes }]);
    const { store, leftovers } = await open(t);
    await assert.rejects(store.pull(Reference.parse(`${registry.host}/app:0`)), message, what);
    assert.deepEqual(await leftovers(), [], what);
  }
  const registry = await fakeRegistry(t, [], (_request, response) => done(response.end(image.manifest)));
  const { store } = await open(t);
  const other = Reference.parse(`${registry.host}/app@${digestOf('other')}`);
  await assert.rejects(store.pull(other), /manifest verification failed for digest/);
});

test('the platform is chosen from an index, and named if it is not there', async (t) => {
  const arm = fakeImage([makeTar({ path: 'arm', content: 'x' })], { architecture: 'arm64' });
  const entry = (of: typeof image, architecture: string, variant?: string): object => ({
    mediaType: mediaTypes.ociManifest,
    digest: digestOf(of.manifest),
    size: of.manifest.length,
    platform: { os: 'linux', architecture, variant },
  });
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [entry(arm, 'arm64', 'v8'), entry(image, 'amd64')],
    }),
  );
  const registry = await fakeRegistry(t, [image, arm], undefined, new Map([['multi', index]]));
  const { store } = await open(t);
  const name = Reference.parse(`${registry.host}/app:multi`);
  const pulled = await store.pull(name);
  assert.equal(pulled.image.manifestDigest, digestOf(image.manifest));
  assert.equal(pulled.repoDigest, digestOf(index));
  const asked = await store.pull(name, { platform: { os: 'linux', architecture: 'aarch64' } });
  assert.equal(asked.image.document.architecture, 'arm64');
  await assert.rejects(
    store.pull(name, { platform: { os: 'linux', architecture: 'riscv64' } }),
    /no matching manifest for linux\/riscv64 in the manifest list entries \(it has linux\/arm64\/v8, linux\/amd64\)/,
  );
});

test('credentials never follow a redirect to another host', async (t) => {
  const cdn = await fakeRegistry(t, [image]);
  const registry = await fakeRegistry(t, [image], (request, response) => {
    if (request.headers.authorization !== `Basic ${Buffer.from('me:secret').toString('base64')}`)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    else if (request.url?.includes('/blobs/'))
      response.writeHead(307, { location: `http://${cdn.host}${request.url}` }).end();
    else return false;
    return true;
  });
  const { store } = await open(t);
  const auth = { username: 'me', password: 'secret' };
  await store.pull(Reference.parse(`${registry.host}/app:0`), { auth });
  assert.ok(cdn.requests.length > 0);
  for (const request of cdn.requests) assert.equal(request.headers.authorization, undefined);
});

test('a token is fetched with the credentials, for the one repository, and used', async (t) => {
  const tokens = await serve(t, (request, response) => {
    const given = request.headers.authorization === `Basic ${Buffer.from('me:secret').toString('base64')}`;
    response.writeHead(given ? 200 : 401).end(JSON.stringify({ token: 'good', refresh_token: 'refresh' }));
  });
  const registry = await fakeRegistry(t, [image], (request, response) => {
    if (request.headers.authorization === 'Bearer good') return false;
    const challenge = `Bearer realm="http://${tokens.host}/token",service="reg",scope="ignored"`;
    response.writeHead(401, { 'www-authenticate': challenge }).end();
    return true;
  });
  const { store } = await open(t);
  const auth = { username: 'me', password: 'secret' };
  await store.pull(Reference.parse(`${registry.host}/app:0`), { auth });
  const url = new URL(tokens.requests[0]?.url ?? '', 'http://x');
  assert.equal(url.searchParams.get('service'), 'reg');
  assert.equal(url.searchParams.get('scope'), 'repository:app:pull');
  assert.equal(tokens.requests.length, 1);
  assert.deepEqual(await store.login(registry.host, auth), { identityToken: 'refresh' });
  await assert.rejects(
    store.login(registry.host, { ...auth, password: 'bad' }),
    (error) => codeOf(error) === 'unauthenticated',
  );
});

test('a token that no header holds is refused, and sent nowhere', async (t) => {
  const registry = await fakeRegistry(t, [image]);
  const { store } = await open(t);
  for (const registryToken of ['a\r\nX-Evil: 1', 'a\0', '\u20ac', '']) {
    await assert.rejects(
      store.pull(Reference.parse(`${registry.host}/app:0`), { auth: { registryToken } }),
      (error) => codeOf(error) === 'invalid',
    );
  }
  assert.deepEqual(
    registry.requests.filter(({ headers }) => headers.authorization !== undefined),
    [],
  );
});

test('mirrors come first, get no credentials, and may fail', async (t) => {
  const registry = await fakeRegistry(t, [image]);
  const mirror = await fakeRegistry(t, [image]);
  const broken = await fakeRegistry(t, [], (_request, response) => done(response.destroy()));
  const mirrors = { [registry.host]: [`http://${broken.host}`, `http://${mirror.host}`] };
  const { store } = await open(t, { mirrors, attemptsMax: 2 });
  const auth = { username: 'me', password: 'secret' };
  await store.pull(Reference.parse(`${registry.host}/app:0`), { auth });
  assert.equal(registry.requests.length, 0);
  for (const request of [...mirror.requests, ...broken.requests])
    assert.equal(request.headers.authorization, undefined);
  const alone = await open(t, { mirrors: { [registry.host]: [`http://${broken.host}`] }, attemptsMax: 2 });
  await alone.store.pull(Reference.parse(`${registry.host}/app:0`));
  assert.ok(registry.requests.length > 0);
});

test('two pulls at once fetch each blob once', async (t) => {
  const registry = await fakeRegistry(t, [image]);
  const { store } = await open(t);
  const name = Reference.parse(`${registry.host}/app:0`);
  const pulled = await Promise.all([store.pull(name), store.pull(name), store.pull(name)]);
  assert.equal(new Set(pulled.map(({ image }) => image.id)).size, 1);
  const blobs = registry.requests.filter((request) => request.url?.includes('/blobs/'));
  assert.equal(blobs.length, 3);
});

test('whoever goes away stops the pull, and nothing is left', async (t) => {
  const gone = new AbortController();
  const registry = await fakeRegistry(
    t,
    [image],
    onLayer((_time, _request, response, bytes) => {
      response.writeHead(200, { 'content-length': bytes?.length ?? 0 });
      response.write(bytes?.subarray(0, 1_000), () => gone.abort());
      return true;
    }),
  );
  const { store, leftovers } = await open(t);
  await assert.rejects(
    store.pull(Reference.parse(`${registry.host}/app:0`), { signal: gone.signal }),
    (error) => codeOf(error) === 'canceled',
  );
  assert.deepEqual(await leftovers(), []);
});

test('tags come a page at a time, from the registry itself, and not for ever', async (t) => {
  const asked: string[] = [];
  const registry = await fakeRegistry(t, [], (request, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    if (!url.pathname.endsWith('/tags/list')) return false;
    const last = url.searchParams.get('last') ?? '';
    asked.push(last);
    const next = { '': 'b', b: 'd' }[last];
    if (next) response.setHeader('link', `<http://elsewhere/v2/app/tags/list?last=${next}>; rel="next"`);
    // The last page names itself once more.
    else response.setHeader('link', `</v2/app/tags/list?last=${last}>; rel="next"`);
    response.end(JSON.stringify({ name: 'app', tags: { '': ['a', 'b'], b: ['c', 'd'] }[last] ?? ['d'] }));
    return true;
  });
  const { store } = await open(t);
  assert.deepEqual(await store.tags(Reference.parse(`${registry.host}/app`)), ['a', 'b', 'c', 'd']);
  assert.deepEqual(asked, ['', 'b', 'd']);
});
