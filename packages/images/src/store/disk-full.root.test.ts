import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { codeOf } from '@kraud/base';
import { Reference } from '../reference/reference.ts';
import { fakeImage, fakeRegistry } from '../testing/fake-registry.ts';
import { makeTar, pieces } from '../testing/make-tar.ts';
import { openStore } from '../testing/open-store.ts';

for (const rootfsFormat of ['squashfs', 'erofs'] as const) {
  test(`a full disk is said by name, and what did not fit leaves nothing (${rootfsFormat})`, async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'kraud-full-'));
    assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dir]).status, 0);
    t.after(async () => {
      assert.equal(spawnSync('umount', [dir]).status, 0);
      await rmdir(dir);
    });
    const store = await openStore(t, { dir, rootfsFormat });
    const full = (error: unknown): boolean =>
      codeOf(error) === 'exhausted' && /no space left on device/.test(String(error));
    await assert.rejects(
      store.import(pieces(makeTar({ path: 'big', content: Buffer.alloc(6 << 20) }), 65_536)),
      full,
    );
    assert.deepEqual(await store.list(), []);
    assert.deepEqual(await readdir(join(dir, 'tmp')), []);
    assert.deepEqual(await readdir(join(dir, 'blobs', 'sha256')), []);
    // The layer fits, its root file system beside it doesn't.
    const content = Buffer.alloc(3 << 20, 'not zero');
    const image = await store.import(pieces(makeTar({ path: 'big', content }), 65_536));
    await assert.rejects(store.rootfs(image.id), full);
    assert.deepEqual(await readdir(join(dir, 'tmp')), []);
    assert.deepEqual(await readdir(join(dir, 'rootfs')), []);
    assert.deepEqual(
      (await store.list()).map(({ id }) => id),
      [image.id],
    );
    await store.delete(image.id);
    await store.import(pieces(makeTar({ path: 'small', content: 'x' })));

    const noise = Buffer.from(Array.from({ length: 6 << 20 }, (_, i) => (i * 7919 * i) >> (i % 13)));
    const images = [
      fakeImage([makeTar({ path: 'big', content: noise })]),
      fakeImage([makeTar({ path: 'a', content: 'a' })]),
    ];
    const registry = await fakeRegistry(t, images);
    const before = [await readdir(join(dir, 'blobs', 'sha256')), await store.list()];
    await assert.rejects(store.pull(Reference.parse(`${registry.host}/app:0`)), full);
    assert.deepEqual([await readdir(join(dir, 'blobs', 'sha256')), await store.list()], before);
    assert.deepEqual(await readdir(join(dir, 'tmp')), []);
    await store.pull(Reference.parse(`${registry.host}/app:1`));
  });
}
