import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { KraudError, SeededRandom } from '@kraud/base';
import { digestOf } from '../digest.ts';
import { collect, pieces } from '../testing/make-tar.ts';
import { tempDir } from '../testing/open-store.ts';
import { BlobStore } from './blobs.ts';
import { AtomicFiles } from './files.ts';

const bytesMax = 1_000_000;
const bytes = Buffer.alloc(5_000, 'kraud');
const digest = digestOf(bytes);

async function open(dir: string): Promise<BlobStore> {
  return await BlobStore.open(dir, await AtomicFiles.open(dir, new SeededRandom(1)));
}

test('a blob is read back under its digest', async (t) => {
  const blobs = await open(await tempDir(t));
  using lease = blobs.lease();
  assert.deepEqual(await blobs.put(pieces(bytes), { lease, bytesMax, digest, sizeBytes: 5_000 }), {
    digest,
    sizeBytes: 5_000,
  });
  assert.deepEqual(await collect(blobs.read(digest)), bytes);
  assert.deepEqual(await collect(blobs.read(digest, { start: 5, end: 10 })), Buffer.from('kraud'));
  assert.deepEqual(await blobs.readBytes(digest), bytes);
});

test('what is wrong leaves nothing', async (t) => {
  const dir = await tempDir(t);
  const blobs = await open(dir);
  using lease = blobs.lease();
  async function* breaking(): AsyncGenerator<Uint8Array> {
    yield bytes;
    throw new KraudError('unavailable', 'broken');
  }
  const wrong = digestOf('other');
  await assert.rejects(
    blobs.put(pieces(bytes), { lease, bytesMax, digest: wrong }),
    /verification failed for digest/,
  );
  await assert.rejects(blobs.put(pieces(bytes), { lease, bytesMax: 4_999 }), /limit of 4999 bytes/);
  await assert.rejects(
    blobs.put(pieces(bytes), { lease, bytesMax, sizeBytes: 4_999 }),
    /does not have the 4999/,
  );
  await assert.rejects(
    blobs.put(pieces(bytes), { lease, bytesMax, sizeBytes: 5_001 }),
    /does not have the 5001/,
  );
  await assert.rejects(blobs.put(breaking(), { lease, bytesMax }), /broken/);
  assert.deepEqual(await readdir(join(dir, 'tmp')), []);
  assert.deepEqual(await readdir(join(dir, 'blobs', 'sha256')), []);
});

test('writers of the same blob do not disturb each other', async (t) => {
  const blobs = await open(await tempDir(t));
  using lease = blobs.lease();
  const made = await Promise.all(
    Array.from({ length: 20 }, (_, i) => blobs.put(pieces(bytes, 100 + i), { lease, bytesMax })),
  );
  for (const blob of made) assert.equal(blob.digest, digest);
  assert.equal(blobs.totalBytes(), 5_000);
});

test('sweeping leaves what is named or leased', async (t) => {
  const blobs = await open(await tempDir(t));
  const lease = blobs.lease();
  const named = await blobs.putBytes('named', lease);
  const loose = await blobs.putBytes('loose', lease);
  assert.deepEqual(
    blobs.sweep(() => false),
    { reclaimedBytes: 0 },
  );
  lease[Symbol.dispose]();
  assert.deepEqual(
    blobs.sweep((digest) => digest === named.digest),
    { reclaimedBytes: 5 },
  );
  assert.equal(await blobs.sizeOf(loose.digest), undefined);
  assert.equal(await blobs.sizeOf(named.digest), 5);
});

test('opening removes what a crash left', async (t) => {
  const dir = await tempDir(t);
  await mkdir(join(dir, 'tmp'));
  await writeFile(join(dir, 'tmp', 'half'), 'x');
  await open(dir);
  assert.deepEqual(await readdir(join(dir, 'tmp')), []);
});

test('a document that rotted on disk is not believed', async (t) => {
  const blobs = await open(await tempDir(t));
  using lease = blobs.lease();
  await blobs.putBytes(bytes, lease);
  assert.ok(existsSync(blobs.path(digest)));
  await writeFile(blobs.path(digest), 'rot');
  await assert.rejects(blobs.readBytes(digest), /has changed on disk/);
  await assert.rejects(blobs.readBytes(digestOf('no')), /no such blob/);
});
