import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { GiB, MiB } from '@kraud/base';
import { dataDiskBytes } from '../contract.ts';
import { DiskMaker } from './ext4.ts';

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ext4-'));
});
after(() => rm(dir, { recursive: true }));

test('a fresh disk has the fixed apparent size, a clean file system inside, and takes next to no room', async () => {
  const maker = new DiskMaker(join(dir, 'scratch'));
  for (const sizeBytes of [16 * MiB, 10 * GiB]) {
    const path = join(dir, `disk-${sizeBytes}`);
    await maker.create(path, sizeBytes);
    const { size, blocks, mode } = await stat(path);
    assert.equal(size, dataDiskBytes);
    assert.ok(blocks * 512 < MiB);
    assert.equal(mode & 0o777, 0o600);
    execFileSync('e2fsck', ['-f', '-n', path], { stdio: 'pipe' });
    const about = execFileSync('dumpe2fs', ['-h', path], { encoding: 'utf8', stdio: 'pipe' });
    assert.match(about, new RegExp(`Block count: +${sizeBytes / 4096}\n`));
  }
});

test('a disk that is there is never touched, and bad sizes are refused', async () => {
  const maker = new DiskMaker(join(dir, 'scratch'));
  const path = join(dir, 'twice');
  await maker.create(path, 64 * MiB);
  const before = (await stat(path)).mtimeMs;
  await assert.rejects(maker.create(path, 64 * MiB), { code: 'exists' });
  assert.equal((await stat(path)).mtimeMs, before);
  for (const sizeBytes of [0, -1, 1.5, Number.NaN, dataDiskBytes + 4096]) {
    await assert.rejects(maker.create(join(dir, 'bad'), sizeBytes), { code: 'invalid' });
  }
});
