import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  chmod,
  link,
  lutimes,
  mkdir,
  mkdtemp,
  rm,
  rmdir,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { RootfsFormat } from '../contract.ts';
import { imageDiskBytes } from '../limits.ts';
import { TarReader } from '../tar/reader.ts';
import { collect, makeTar, pieces } from '../testing/make-tar.ts';
import { openStore, tempDir } from '../testing/open-store.ts';

function run(...words: readonly string[]): void {
  const [program = '', ...args] = words;
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  assert.equal(status, 0, `${words.join(' ')}: ${stderr}`);
}

const tarOptions = [
  '--xattrs',
  '--xattrs-include=*',
  '--format=pax',
  '--sort=name',
  '--sparse',
  '-cf',
  '-',
  '.',
];

/** Everything that tar sees in a directory, one line for each name. */
async function describe(dir: string, round: (sec: number, nsec: number) => string): Promise<string[]> {
  const child = spawn('tar', ['-C', dir, ...tarOptions], { stdio: ['ignore', 'pipe', 'inherit'] });
  const reader = new TarReader(child.stdout);
  const lines: string[] = [];
  for (let entry = await reader.next(); entry; entry = await reader.next()) {
    const body = await collect(reader.body());
    // Attributes come in the file system's own order, and stretches as it reports them.
    const xattrs = [...entry.xattrs]
      .map(([name, value]) => `${name}=${Buffer.from(value).toString('hex')}`)
      .sort();
    const stored = entry.sizeBytes > 1 << 20 ? body.toString('latin1').replace(/\0+$/, '') : body;
    const hash = createHash('sha256').update(stored).digest('hex').slice(0, 12);
    const { type, path, linkPath, mode, uid, gid, sizeBytes, devMajor, devMinor } = entry;
    lines.push(
      [type, path, linkPath, mode.toString(8), uid, gid, sizeBytes, devMajor, devMinor, hash].join(' ') +
        ` ${round(entry.mtimeSec, entry.mtimeNsec)} ${xattrs.join(',')}`,
    );
  }
  return lines;
}

/** A directory with one of everything that an image may hold. */
async function oneOfEverything(dir: string): Promise<void> {
  await mkdir(join(dir, 'bin'), { recursive: true });
  await mkdir(join(dir, 'many'));
  await mkdir(join(dir, 'dev'));
  await mkdir(join(dir, 'gone'));
  await mkdir(join(dir, 'opaque'));
  await mkdir(join(dir, 'tmp'));
  await chmod(join(dir, 'tmp'), 0o1777);
  await chmod(dir, 0o751);
  for (let i = 0; i < 700; i += 1)
    await writeFile(join(dir, 'many', `${i}-${'n'.repeat(i % 240)}`), String(i));
  for (const name of ['-first', '!bang', '.hidden', 'zz', 'caf\u00e9'])
    await writeFile(join(dir, 'many', name), name);
  await writeFile(Buffer.from(`${dir}/many/\xff\xfe`, 'latin1'), 'bytes');
  await writeFile(join(dir, 'bin', 'tool'), Buffer.alloc(300_000, 'tool'));
  await chmod(join(dir, 'bin', 'tool'), 0o4755);
  await link(join(dir, 'bin', 'tool'), join(dir, 'bin', 'again'));
  await writeFile(join(dir, 'bin', 'block'), Buffer.alloc(8_192, 'b'));
  await writeFile(join(dir, 'empty'), '');
  await writeFile(join(dir, 'sparse'), 'start');
  await truncate(join(dir, 'sparse'), 30 << 20);
  await writeFile(join(dir, 'hole'), '');
  await truncate(join(dir, 'hole'), 5 << 20);
  await symlink('../../../etc/passwd', join(dir, 'out'));
  await symlink('l'.repeat(4_000), join(dir, 'long'));
  run('mknod', join(dir, 'dev', 'null'), 'c', '1', '3');
  run('mknod', join(dir, 'dev', 'disk'), 'b', '259', '70000');
  run('mkfifo', join(dir, 'dev', 'fifo'));
  run('chown', '70000:3000000000', join(dir, 'bin', 'block'));
  run(
    'setfattr',
    '-n',
    'security.capability',
    '-v',
    '0x0100000200040000000000000000000000000000',
    join(dir, 'bin', 'block'),
  );
  run('setfattr', '-n', 'trusted.x', '-v', 'y'.repeat(500), join(dir, 'many'));
  await writeFile(join(dir, 'gone', 'x'), 'x');
  await writeFile(join(dir, 'opaque', 'below'), 'x');
  await lutimes(join(dir, 'empty'), 1_000_000_000.25, 1_000_000_000.25);
}

async function mounted(t: TestContext, path: string, format: RootfsFormat): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'kraud-mount-'));
  run('mount', '-t', format, '-o', 'loop,ro', path, dir);
  t.after(async () => {
    run('umount', dir);
    await rmdir(dir);
  });
  return dir;
}

for (const format of ['squashfs', 'erofs'] as const) {
  test(`a ${format} image holds what the layers hold, in every detail`, async (t) => {
    const dir = join(await tempDir(t), 'in');
    await oneOfEverything(dir);
    const tarPath = join(dir, '..', 'in.tar');
    run('tar', '-C', dir, ...tarOptions.slice(0, -3), '-cf', tarPath, '.');
    const store = await openStore(t, { rootfsFormat: format });
    const base = await store.import(createReadStream(tarPath));
    const upper = makeTar(
      { path: '.wh.gone' },
      { path: 'opaque/', mode: 0o700 },
      { path: 'opaque/.wh..wh..opq' },
      { path: 'opaque/above', content: 'new' },
      { path: 'bin/.wh.tool' },
    );
    const image = await store.commit(base.id, pieces(upper));
    const rootfs = await store.rootfs(image.id);
    // The same by hand.
    await rm(join(dir, 'gone'), { recursive: true });
    await rm(join(dir, 'opaque', 'below'));
    await rm(join(dir, 'bin', 'tool'));
    await writeFile(join(dir, 'opaque', 'above'), 'new');
    await chmod(join(dir, 'opaque'), 0o700);
    await lutimes(join(dir, 'opaque', 'above'), 0, 0);
    await lutimes(join(dir, 'opaque'), 0, 0);
    const bin = spawnSync('tar', ['-tf', tarPath, './bin'], { encoding: 'utf8' });
    assert.equal(bin.status, 0);
    const mount = await mounted(t, rootfs.path, format);
    const round = (sec: number, nsec: number): string =>
      format === 'erofs' ? `${sec}.${nsec}` : String(sec);
    const ignoreTouched = (line: string): string =>
      /^dir \.\/(bin\/)? /.test(line) ? line.replace(/ \d+(\.\d+)? *$/, '') : line;
    const found = (await describe(mount, round)).map(ignoreTouched);
    const wanted = (await describe(dir, round)).map(ignoreTouched);
    assert.deepEqual(found, wanted);
    assert.equal(
      spawnSync('stat', ['-c', '%s %a', rootfs.path], { encoding: 'utf8' }).stdout,
      `${imageDiskBytes} 444\n`,
    );
    if (format === 'erofs') run('fsck.erofs', rootfs.path);
  });
}
