import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { ProgressEvent } from './contract.ts';
import { digestOf, hexOf } from './digest.ts';
import { Reference } from './reference/reference.ts';
import { TarReader } from './tar/reader.ts';
import { collect, makeTar, pieces } from './testing/make-tar.ts';
import { openStore, tempDir } from './testing/open-store.ts';

const rootTar = makeTar(
  { path: 'bin/' },
  { path: 'bin/sh', content: '#!', mode: 0o755 },
  { path: 'etc/os', content: 'k' },
);
const name = Reference.parse('app:1');

async function filesIn(dir: string): Promise<string[]> {
  const files = await readdir(dir, { recursive: true, withFileTypes: true });
  return files.flatMap((file) => (file.isFile() ? [join(file.parentPath, file.name)] : [])).sort();
}

test('import makes an OCI image whose bytes are always the same', async (t) => {
  const store = await openStore(t);
  const options = { changes: ['CMD ["/bin/sh"]', 'ENV A=1'], message: 'hello' };
  const image = await store.import(pieces(rootTar), options);
  const diffId = digestOf(rootTar);
  assert.deepEqual(image.document, {
    architecture: 'amd64',
    os: 'linux',
    created: '2023-11-14T22:13:20.000Z',
    comment: 'hello',
    config: { Env: ['A=1'], Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created: '2023-11-14T22:13:20.000Z', comment: 'hello' }],
  });
  assert.equal(image.sizeBytes, 3);
  assert.equal((await (await openStore(t)).import(pieces(rootTar, 77), options)).id, image.id);
});

/** The golden has every document that we write, byte for byte. `UPDATE_GOLDENS=1` writes it anew, for review. */
test('the archive that save writes is the golden one', async (t) => {
  const store = await openStore(t);
  const image = await store.import(pieces(rootTar), {
    message: 'm',
    changes: ['CMD ["/bin/sh"]', 'LABEL a=b'],
  });
  const items = [{ id: image.id, names: [name, Reference.parse('reg.example/x:y')] }];
  const archive = await collect(store.save(items));
  assert.deepEqual(await collect(store.save(items)), archive);
  const reader = new TarReader(pieces(archive));
  const documents: Record<string, unknown> = {};
  for (let entry = await reader.next(); entry; entry = await reader.next()) {
    const body = await collect(reader.body());
    documents[entry.path] =
      entry.type === 'dir' || body.equals(rootTar) ? `(${entry.type})` : JSON.parse(body.toString());
  }
  const golden = new URL('./testing/saved.golden.json', import.meta.url);
  if (process.env.UPDATE_GOLDENS) await writeFile(golden, `${JSON.stringify(documents, undefined, 2)}\n`);
  assert.deepEqual(documents, JSON.parse(await readFile(golden, 'utf8')));
});

test('what was saved is loaded again: same id, same manifest, same names', async (t) => {
  const from = await openStore(t);
  const base = await from.import(pieces(gzipSync(rootTar)));
  const image = await from.commit(base.id, pieces(zstdCompressSync(makeTar({ path: 'new', content: 'x' }))));
  const archive = await collect(
    from.save([
      { id: image.id, names: [name] },
      { id: base.id, names: [] },
    ]),
  );
  for (const packed of [archive, gzipSync(archive), zstdCompressSync(archive)]) {
    const to = await openStore(t);
    const events: ProgressEvent[] = [];
    const loaded = await to.load(pieces(packed), { onProgress: (event) => events.push(event) });
    assert.deepEqual(
      loaded.map(({ image, names }) => [image.id, image.manifestDigest, names.map(String)]),
      [
        [image.id, image.manifestDigest, ['docker.io/library/app:1']],
        [base.id, base.manifestDigest, []],
      ],
    );
    assert.ok(events.some((event) => event.status === 'Loading layer'));
    assert.equal(loaded[0]?.image.layers[1]?.mediaType, 'application/vnd.oci.image.layer.v1.tar+zstd');
  }
});

test("an old docker's archive is loaded: layer directories, and links between them", async (t) => {
  const store = await openStore(t);
  const empty = makeTar({ path: 'e', content: '' });
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['x'], Entrypoint: null, Volumes: null },
    rootfs: { type: 'layers', diff_ids: [digestOf(rootTar), digestOf(empty), digestOf(rootTar)] },
  });
  const archive = makeTar(
    { path: 'aa/' },
    { path: 'aa/VERSION', content: '1.0' },
    { path: 'aa/layer.tar', content: rootTar },
    { path: 'bb/layer.tar', content: empty },
    { path: 'cc/layer.tar', type: 'symlink', linkPath: '../aa/layer.tar' },
    { path: 'c.json', content: config },
    {
      path: 'manifest.json',
      content: JSON.stringify([
        { Config: 'c.json', RepoTags: ['old:1'], Layers: ['aa/layer.tar', 'bb/layer.tar', 'cc/layer.tar'] },
      ]),
    },
    { path: 'repositories', content: '{}' },
  );
  const [loaded] = await store.load(pieces(archive));
  assert.equal(loaded?.image.id, digestOf(config));
  assert.equal(loaded?.image.layers.length, 3);
  assert.deepEqual(loaded?.image.document.config, { Cmd: ['x'] });
  assert.equal((await store.history(digestOf(config))).length, 3);
});

test('archives that lie are refused, and nothing of them stays', async (t) => {
  const dir = await tempDir(t);
  const store = await openStore(t, { dir });
  const config = (diffId: string): string =>
    JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [diffId] } });
  const saved = (config: string, layer: Uint8Array, path = 'l.tar'): Buffer =>
    makeTar(
      { path: 'c.json', content: config },
      { path: 'l.tar', content: layer },
      {
        path: 'manifest.json',
        content: JSON.stringify([{ Config: 'c.json', RepoTags: ['x:1'], Layers: [path] }]),
      },
    );
  const escaping = makeTar({ path: '../../etc/cron.d/x', content: 'x' });
  const link = makeTar({ path: 'l', type: 'link', linkPath: 'nothing' });
  const good = config(digestOf(rootTar));
  const table: [string, Buffer, RegExp][] = [
    [
      'another diff id',
      saved(config(digestOf('other')), rootTar),
      /unpacks to sha256:.* but the image's config says/,
    ],
    ['a layer that escapes', saved(config(digestOf(escaping)), escaping), /path escapes the image/],
    ['a link to nothing', saved(config(digestOf(link)), link), /hard link "l": its target/],
    ['a layer that is not there', saved(good, rootTar, 'no.tar'), /has no "no.tar"/],
    ['a layer path that escapes', saved(good, rootTar, '../l.tar'), /path escapes the archive/],
    ['no manifest', makeTar({ path: 'x', content: 'y' }), /neither manifest.json nor an OCI index.json/],
    ['an empty list', makeTar({ path: 'manifest.json', content: '[]' }), /contains no image/],
    ['broken JSON', makeTar({ path: 'manifest.json', content: '[' }), /not valid JSON/],
    ['cut short', saved(good, rootTar).subarray(0, 2_000), /truncated/],
    ['a device', makeTar({ path: 'null', type: 'char' }), /a char where none belongs/],
    ['no digest', saved(config('sha256:xyz'), rootTar), /invalid digest/],
  ];
  const before = await filesIn(dir);
  for (const [what, archive, message] of table) {
    await assert.rejects(store.load(pieces(archive)), message, what);
    assert.deepEqual(await filesIn(dir), before, what);
  }
  assert.deepEqual(await store.list(), []);
});

test('commit lays one layer over the base', async (t) => {
  const store = await openStore(t);
  const base = await store.import(pieces(rootTar), { changes: ['ENV A=1', 'CMD a'] });
  const layer = makeTar({ path: 'etc/.wh.os' }, { path: 'new', content: 'four' });
  const image = await store.commit(base.id, pieces(layer), {
    config: { WorkingDir: '/w' },
    changes: ['ENV B=$A'],
    author: 'me',
    message: 'why',
    createdBy: 'sh -c x',
  });
  assert.equal(image.parent, base.id);
  assert.deepEqual(image.document.config, {
    Env: ['A=1', 'B=1'],
    Cmd: ['/bin/sh', '-c', 'a'],
    WorkingDir: '/w',
  });
  assert.deepEqual(await store.children(base.id), [image.id]);
  assert.deepEqual(
    (await store.history(image.id)).map(({ id, createdBy, comment, sizeBytes }) => [
      id,
      createdBy,
      comment,
      sizeBytes,
    ]),
    [
      [image.id, 'sh -c x', 'why', 4],
      [undefined, '', 'Imported from -', 3],
    ],
  );
  await assert.rejects(
    store.commit(base.id, pieces(layer), { changes: ['FROM x'] }),
    /FROM is not a valid change command/,
  );
  await assert.rejects(store.commit(digestOf('no'), pieces(layer)), /No such image/);
});

test('deleting frees what no other image needs', async (t) => {
  const dir = await tempDir(t);
  const inUse = new Set<string>();
  const store = await openStore(t, { dir, rootfsUsers: { inUse: async () => inUse } });
  const base = await store.import(pieces(rootTar));
  const image = await store.commit(base.id, pieces(makeTar({ path: 'new', content: 'four' })));
  assert.deepEqual(await store.usage().then(({ images, layersBytes }) => ({ images, layersBytes })), {
    images: [
      { id: base.id, sizeBytes: 3, sharedBytes: 3 },
      { id: image.id, sizeBytes: 7, sharedBytes: 3 },
    ].sort((a, b) => (a.id < b.id ? -1 : 1)),
    layersBytes: 7,
  });
  const rootfs = await store.rootfs(base.id);
  inUse.add(rootfs.key);
  assert.deepEqual((await store.delete(base.id)).layers, []);
  assert.equal((await store.delete(image.id)).layers.length, 2);
  // A pod still runs from it.
  assert.deepEqual(await filesIn(dir), [rootfs.path]);
  inUse.clear();
  assert.ok((await store.collect()).reclaimedBytes > 0);
  assert.deepEqual(await filesIn(dir), []);
});

test('images are there after a restart, and half-done work is not', async (t) => {
  const dir = await tempDir(t);
  const first = await openStore(t, { dir });
  const image = await first.import(pieces(rootTar));
  await writeFile(join(dir, 'blobs', 'sha256', hexOf(digestOf('loose'))), 'loose');
  const second = await openStore(t, { dir });
  assert.deepEqual(await second.list(), [image]);
  assert.deepEqual(await second.withPrefix(hexOf(image.id).slice(0, 6)), [image.id]);
  assert.ok(!(await filesIn(dir)).some((path) => path.endsWith(hexOf(digestOf('loose')))));
});

test('the same root file system is made once', async (t) => {
  const store = await openStore(t);
  const image = await store.import(pieces(rootTar));
  const other = await store.import(pieces(rootTar), { changes: ['CMD x'] });
  const made = await Promise.all([store.rootfs(image.id), store.rootfs(image.id), store.rootfs(other.id)]);
  assert.equal(new Set(made.map((rootfs) => rootfs.path)).size, 1);
});
