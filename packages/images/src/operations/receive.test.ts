import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KraudError } from '@kraud/base';
import type { Digest, ImageSource } from '../contract.ts';
import type { ImageStore } from '../image-store.ts';
import { collect, makeTar, pieces } from '../testing/make-tar.ts';
import { openStore } from '../testing/open-store.ts';

/** The other host, and what was asked of it. */
function sourceOf(store: ImageStore, id: Digest, asked: Digest[] = []): ImageSource {
  return {
    manifest: () => store.manifest(id),
    blob: (digest) => {
      asked.push(digest);
      return store.blob(digest);
    },
  };
}

async function twoImages(store: ImageStore) {
  const base = await store.import(pieces(makeTar({ path: 'base', content: 'one' })));
  const top = await store.commit(base.id, pieces(makeTar({ path: 'top', content: 'two' })), { author: 'me' });
  return { base, top };
}

test('an image is the same on the host that receives it, and what is there is not asked for', async (t) => {
  const [there, here] = [await openStore(t), await openStore(t)];
  const { base, top } = await twoImages(there);
  const asked: Digest[] = [];
  assert.deepEqual(await here.receive(base.id, sourceOf(there, base.id, asked)), base);
  assert.equal(asked.length, 2);
  const received = await here.receive(top.id, sourceOf(there, top.id, asked));
  assert.deepEqual(received, top);
  assert.equal(received.parent, base.id);
  assert.equal(asked.length, 4);
  assert.equal((await here.rootfs(top.id)).key, (await there.rootfs(top.id)).key);
  assert.deepEqual(await here.receive(top.id, sourceOf(there, top.id, asked)), top);
  assert.equal(asked.length, 4);
  const saved = async (store: ImageStore) => await collect(store.save([{ id: top.id, names: [] }]));
  assert.deepEqual(await saved(here), await saved(there));
});

test('a part of a blob, from where it broke off', async (t) => {
  const store = await openStore(t);
  const { base } = await twoImages(store);
  const whole = await collect(store.blob(base.id));
  assert.deepEqual(await collect(store.blob(base.id, 5)), whole.subarray(5));
});

test('a host that sends something else is not believed, and nothing of it stays', async (t) => {
  const [there, here] = [await openStore(t), await openStore(t)];
  const { base, top } = await twoImages(there);
  const honest = sourceOf(there, top.id);
  const refused: [string, ImageSource, RegExp][] = [
    [
      'the manifest of another image',
      { ...honest, manifest: () => there.manifest(base.id) },
      /another one's/,
    ],
    ['no manifest', { ...honest, manifest: async () => ({ bytes: Buffer.from('{}'), mediaType: '' }) }, /./],
    ['other bytes', { ...honest, blob: () => pieces(Buffer.alloc(100)) }, /digest|bytes/],
    ['too few bytes', { ...honest, blob: (digest) => there.blob(digest, 1) }, /bytes/],
  ];
  for (const [what, source, message] of refused) {
    await assert.rejects(
      here.receive(top.id, source),
      (error) => error instanceof KraudError && error.code === 'corrupt' && message.test(error.message),
      what,
    );
    assert.deepEqual(await here.list(), []);
  }
  await assert.rejects(there.manifest(`sha256:${'0'.repeat(64)}`), { code: 'not-found' });
});
