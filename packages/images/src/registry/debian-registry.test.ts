import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import type { ProgressEvent } from '../contract.ts';
import { Reference } from '../reference/reference.ts';
import { debianRegistry, registrySkip } from '../testing/debian-registry.ts';
import { makeTar, pieces } from '../testing/make-tar.ts';
import { openStore } from '../testing/open-store.ts';

const rootTar = makeTar({ path: 'bin/sh', content: 'x'.repeat(100_000), mode: 0o755 });

test('an image goes to a registry and comes back the same', { skip: registrySkip }, async (t) => {
  const { host } = await debianRegistry(t);
  const name = Reference.parse(`${host}/team/app:1`);
  const from = await openStore(t);
  const base = await from.import(pieces(rootTar), { changes: ['CMD ["/bin/sh"]'] });
  const image = await from.commit(base.id, pieces(zstdCompressSync(makeTar({ path: 'new', content: 'y' }))));
  const said: ProgressEvent[] = [];
  const pushed = await from.push(image.id, name, { onProgress: (event) => said.push(event) });
  assert.deepEqual(
    said.filter((event) => event.status !== 'Pushing').map((event) => event.status ?? event.aux),
    [
      `The push refers to repository [${host}/team/app]`,
      'Preparing',
      'Preparing',
      'Pushed',
      'Pushed',
      `1: digest: ${pushed.digest} size: ${pushed.manifestBytes}`,
      { Tag: '1', Digest: pushed.digest, Size: pushed.manifestBytes },
    ],
  );
  const to = await openStore(t);
  const heard: ProgressEvent[] = [];
  const pulled = await to.pull(name, { onProgress: (event) => heard.push(event) });
  assert.equal(pulled.image.id, image.id);
  assert.equal(pulled.repoDigest, pushed.digest);
  assert.deepEqual(pulled.image.document, image.document);
  const steps = heard.map((event) => event.status);
  assert.equal(steps[0], 'Pulling from team/app');
  for (const step of ['Pulling fs layer', 'Downloading', 'Verifying Checksum', 'Extracting', 'Pull complete'])
    assert.ok(steps.includes(step), step);
  assert.deepEqual(steps.slice(-2), [
    `Digest: ${pushed.digest}`,
    `Status: Downloaded newer image for ${host}/team/app:1`,
  ]);
  const again = await to.pull(name.withDigest(pushed.digest));
  assert.equal(again.changed, false);
  // Unchanged, it goes back under the digest that it came with.
  assert.equal((await to.push(image.id, Reference.parse(`${host}/other:2`))).digest, pushed.digest);
  assert.deepEqual((await to.remote(name)).platforms, [
    { os: 'linux', architecture: 'amd64', variant: undefined },
  ]);
  await assert.rejects(to.pull(Reference.parse(`${host}/team/app:no`)), /not found: .*manifest unknown/);
  await assert.rejects(
    to.pull(name, { platform: { os: 'linux', architecture: 's390x' } }),
    /does not match the specified platform \(linux\/s390x\)/,
  );
});

test('credentials are checked, and only used when given', { skip: registrySkip }, async (t) => {
  const { host } = await debianRegistry(t, 'secret');
  const name = Reference.parse(`${host}/app`);
  const store = await openStore(t);
  const image = await store.import(pieces(rootTar));
  const auth = { username: 'user', password: 'secret' };
  await assert.rejects(store.push(image.id, name), /unauthorized: authentication required/);
  await assert.rejects(
    store.push(image.id, name, { auth: { ...auth, password: 'x' } }),
    /authentication required/,
  );
  await assert.rejects(store.pull(name), /pull access denied for .* may require 'docker login'/);
  await assert.rejects(store.login(host, { ...auth, password: 'x' }), /login attempt failed: unauthorized/);
  assert.deepEqual(await store.login(host, auth), { identityToken: undefined });
  await store.push(image.id, name, { auth });
  assert.equal((await (await openStore(t)).pull(name, { auth })).image.id, image.id);
});

const skopeoSkip = existsSync('/usr/bin/skopeo') ? registrySkip : 'skopeo is not installed';

test('skopeo reads what we write, and we read what it writes', { skip: skopeoSkip }, async (t) => {
  const { host } = await debianRegistry(t);
  const from = await openStore(t);
  const image = await from.import(pieces(rootTar), { changes: ['CMD ["/bin/sh"]'] });
  await from.push(image.id, Reference.parse(`${host}/app:oci`));
  // Converted to Docker's own manifest and back to ours.
  const run = spawnSync(
    'skopeo',
    [
      'copy',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      '--format=v2s2',
      `docker://${host}/app:oci`,
      `docker://${host}/app:s2`,
    ],
    { encoding: 'utf8' },
  );
  assert.equal(run.status, 0, run.stderr);
  const to = await openStore(t);
  const { image: pulled } = await to.pull(Reference.parse(`${host}/app:s2`));
  assert.equal(pulled.manifestMediaType, 'application/vnd.docker.distribution.manifest.v2+json');
  assert.deepEqual(pulled.document.rootfs, image.document.rootfs);
  const committed = await to.commit(pulled.id, pieces(makeTar({ path: 'z', content: 'z' })));
  assert.deepEqual(
    committed.layers.map((layer) => layer.mediaType),
    ['application/vnd.oci.image.layer.v1.tar+gzip', 'application/vnd.oci.image.layer.v1.tar'],
  );
});
