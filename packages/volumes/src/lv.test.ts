import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { GiB, MiB, silentLogger } from '@kraud/base';
import { volumeDriverSuite } from './driver-suite.ts';
import { LocalBlockVolumes } from './lv.ts';

const folders: string[] = [];

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'kraud-volumes-'));
  folders.push(dir);
  return dir;
}

after(async () => {
  for (const dir of folders) await rm(dir, { recursive: true, force: true });
});

const limits = { sizeBytesDefault: 32 * MiB };
const open = (dir: string) => LocalBlockVolumes.open({ dir, logger: silentLogger, limits });

volumeDriverSuite('lv', async () => {
  const dir = await folder();
  return { fresh: () => open(dir), reopen: () => open(dir) };
});

/** e2fsck, without changing anything; throws on any complaint. */
const check = (path: string): string =>
  execFileSync('e2fsck', ['-fn', path], { encoding: 'utf8', stdio: 'pipe' });
const head = (path: string): string =>
  execFileSync('dumpe2fs', ['-h', path], { encoding: 'utf8', stdio: 'pipe' });
const uuid = (path: string): string | undefined => /UUID:\s+(\S+)/.exec(head(path))?.[1];

test('disks are sound, of the size asked for, empty, sparse, and each its own', async () => {
  const volumes = await open(await folder());
  const sizes = [undefined, undefined, 16 * MiB, 10 * GiB, 200 * GiB];
  const uuids = new Set<string | undefined>();
  for (const [i, sizeBytes] of sizes.entries()) {
    const key = { tenant: 'default', name: `v${i}` };
    const info = await volumes.create(key, sizeBytes === undefined ? {} : { sizeBytes });
    const path = volumes.path(key);
    assert.match(check(path), /: 10\/\d+ files/, 'only the ten reserved inodes');
    assert.equal(Number(/Block count:\s+(\d+)/.exec(head(path))?.[1]) * 4096, info.sizeBytes);
    assert.equal((await stat(path)).size, 256 * GiB);
    assert.ok((await volumes.usage(key)) < 8 * MiB);
    uuids.add(uuid(path));
  }
  assert.equal(uuids.size, sizes.length);
});

test('what a crash has left half made or half removed is swept', async () => {
  const dir = await folder();
  const volumes = await open(dir);
  await volumes.create({ tenant: 'default', name: 'keep' });
  for (const part of ['.making', '.removing']) {
    await mkdir(join(dir, part, 'rest'));
    await writeFile(join(dir, part, 'rest', 'disk.img'), 'x');
  }
  const next = await open(dir);
  assert.deepEqual(
    (await next.list()).map((v) => v.name),
    ['keep'],
  );
  assert.deepEqual(await readdir(join(dir, '.making')), []);
  assert.deepEqual(await readdir(join(dir, '.removing')), []);
});

test('a volume whose record is broken is named and can be removed, and the others are listed', async () => {
  const dir = await folder();
  const volumes = await open(dir);
  await volumes.create({ tenant: 'default', name: 'good' });
  await volumes.create({ tenant: 'default', name: 'bad' });
  await writeFile(join(dir, 'default', 'bad', 'volume.json'), '{"sizeBytes":"x"}');
  await assert.rejects(volumes.inspect({ tenant: 'default', name: 'bad' }), /is not a volume's record/);
  assert.deepEqual(
    (await volumes.list()).map((v) => v.name),
    ['good'],
  );
  await volumes.remove({ tenant: 'default', name: 'bad' });
  assert.deepEqual(await readdir(join(dir, 'default')), ['good']);
});
