import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { KraudError } from '@kraud/base';
import fc from 'fast-check';
import { collect, makeTar, pieces } from '../testing/make-tar.ts';
import { tempDir } from '../testing/open-store.ts';
import type { TarEntry } from './entry.ts';
import { TarReader } from './reader.ts';
import { encodeHeader, tarEnd } from './writer.ts';

async function readAll(bytes: Uint8Array, size?: number): Promise<TarEntry[]> {
  const reader = new TarReader(pieces(bytes, size));
  const entries: TarEntry[] = [];
  for (let entry = await reader.next(); entry; entry = await reader.next()) entries.push(entry);
  return entries;
}

test('an archive of each kind that GNU tar writes is read the same', async (t) => {
  const dir = await tempDir(t);
  const long = join('x'.repeat(90), 'y'.repeat(90), 'z'.repeat(90));
  await mkdir(join(dir, 'in', long, '..'), { recursive: true });
  await writeFile(join(dir, 'in', long), 'long');
  await writeFile(join(dir, 'in', 'plain'), 'hello');
  await symlink('t'.repeat(150), join(dir, 'in', 'link'));
  await writeFile(join(dir, 'in', 'sparse'), 'start');
  await truncate(join(dir, 'in', 'sparse'), 40 << 20);
  for (const kind of [
    ['--format=gnu', '--sparse'],
    ['--format=pax', '--sparse', '--sparse-version=0.0'],
    ['--format=pax', '--sparse', '--sparse-version=0.1'],
    ['--format=pax', '--sparse', '--sparse-version=1.0'],
    ['--format=gnu'],
    ['--format=pax'],
  ]) {
    const tar = spawnSync('tar', ['-C', join(dir, 'in'), '-cf', '-', ...kind, '.'], { maxBuffer: 1 << 27 });
    assert.equal(tar.status, 0, String(tar.stderr));
    const entries = await readAll(tar.stdout, 65_536);
    const byPath = new Map(entries.map((entry) => [entry.path.replace(/^\.\//, ''), entry]));
    assert.equal(byPath.get(long)?.sizeBytes, 4, kind.join(' '));
    assert.equal(byPath.get('plain')?.sizeBytes, 5);
    assert.equal(byPath.get('link')?.linkPath, 't'.repeat(150));
    const sparse = byPath.get('sparse');
    assert.equal(sparse?.sizeBytes, 40 << 20, kind.join(' '));
    const first = sparse?.extents[0];
    assert.equal(first?.offset, 0);
    assert.equal(tar.stdout.toString('latin1', first?.at, (first?.at ?? 0) + 5), 'start', kind.join(' '));
    assert.equal(entries.filter((entry) => entry.type === 'dir').length, 3);
  }
});

test('names keep their bytes, numbers their size, attributes their zeros', async () => {
  const xattrs = new Map([['security.capability', Buffer.from([1, 0, 0, 2, 0, 10])]]);
  const big = { uid: 3_000_000_000, gid: 2 ** 31, mtimeSec: 1_700_000_000 };
  const made = makeTar({ path: `caf\xe9/${'n'.repeat(200)}`, content: 'x', xattrs, ...big, mode: 0o4755 });
  const [entry] = await readAll(made);
  assert.equal(entry?.path, `caf\xe9/${'n'.repeat(200)}`);
  assert.equal(entry?.uid, 3_000_000_000);
  assert.equal(entry?.gid, 2 ** 31);
  assert.equal(entry?.mode, 0o4755);
  assert.deepEqual(entry?.xattrs, xattrs);
});

test('contents are read in whatever pieces the stream has', async () => {
  const content = Buffer.from(Array.from({ length: 3_000 }, (_, i) => i % 251));
  const made = makeTar({ path: 'a', content }, { path: 'b', content: 'second' });
  for (const size of [1, 7, 511, 512, 513, 10_000]) {
    const reader = new TarReader(pieces(made, size));
    assert.equal((await reader.next())?.path, 'a');
    assert.deepEqual(await collect(reader.body()), content);
    assert.equal((await reader.next())?.path, 'b');
    assert.equal((await collect(reader.body())).toString(), 'second');
    assert.equal(await reader.next(), undefined);
  }
});

test('broken archives are named for what is wrong with them', async () => {
  const good = makeTar({ path: 'file', content: 'hello' });
  const flipped = Buffer.from(good);
  flipped[0] = 0x7a;
  const negative = Buffer.from(encodeHeader({ type: 'file', path: 'n', mode: 0o644 }));
  negative.fill(0xff, 124, 136);
  const fix = (header: Buffer): Buffer => {
    header.fill(0x20, 148, 156);
    const sum = header.reduce((sum, byte) => sum + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return header;
  };
  const device = fix(Buffer.from(encodeHeader({ type: 'file', path: 'm', mode: 0 }).fill('M', 156, 157)));
  const table: [string, Uint8Array, RegExp][] = [
    ['nothing at all', Buffer.alloc(0), /archive is empty/],
    ['cut in a header', good.subarray(0, 300), /truncated: it ends inside a header/],
    ['cut in a file', good.subarray(0, 514), /truncated: it ends inside a file/],
    ['a flipped byte', flipped, /bad checksum/],
    ['a negative size', Buffer.concat([fix(negative), tarEnd]), /negative size/],
    ['a part of many volumes', Buffer.concat([device, tarEnd]), /unsupported tar entry type 'M'/],
    ['not a tar', Buffer.alloc(2_000, 'text that is no archive'), /invalid tar header/],
  ];
  for (const [what, bytes, message] of table)
    await assert.rejects(
      readAll(bytes),
      (error) => error instanceof KraudError && message.test(error.message),
      what,
    );
});

test('an archive without its end mark is whole, as Go has it', async () => {
  const made = makeTar({ path: 'file', content: 'hello' });
  assert.equal((await readAll(made.subarray(0, made.length - 1_024))).length, 1);
});

test('rubbish is refused by a KraudError, whatever it is', async () => {
  const good = makeTar({ path: 'p'.repeat(150), content: 'hello' }, { path: 'l', linkPath: 'x'.repeat(120) });
  const harm = fc.tuple(fc.nat(good.length - 1), fc.nat(255), fc.boolean());
  await fc.assert(
    fc.asyncProperty(fc.array(harm, { maxLength: 6 }), fc.nat(good.length), async (harms, cut) => {
      const bytes = Buffer.from(good.subarray(0, cut));
      for (const [at, value, fixSum] of harms) {
        if (at >= bytes.length) continue;
        bytes[at] = value;
        const start = at - (at % 512);
        if (!fixSum || start + 512 > bytes.length) continue;
        const header = bytes.subarray(start, start + 512);
        header.fill(0x20, 148, 156);
        const sum = header.reduce((sum, byte) => sum + byte, 0);
        header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
      }
      try {
        await readAll(bytes);
      } catch (error) {
        assert.ok(error instanceof KraudError, String(error));
      }
    }),
    { numRuns: 300 },
  );
});

test('the system tar reads what we write', async (t) => {
  const dir = await tempDir(t);
  const made = makeTar(
    { path: 'd/' },
    { path: `d/${'q'.repeat(120)}`, content: 'x' },
    { path: 's', linkPath: '../up' },
  );
  await writeFile(join(dir, 'a.tar'), made);
  const listed = spawnSync('tar', ['-tvf', join(dir, 'a.tar')], { encoding: 'utf8' });
  assert.equal(listed.status, 0, listed.stderr);
  assert.match(listed.stdout, /s -> \.\.\/up/);
  assert.match(listed.stdout, new RegExp(`d/${'q'.repeat(120)}`));
});
