import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { newShortId } from '@kraud/base';
import type { GuestClient } from './client.ts';
import { AgentProcess, containerOf } from './testing/agent-process.ts';
import { output, run } from './testing/run.ts';
import { tarOf } from './testing/tar-of.ts';

let agent: AgentProcess;
let guest: GuestClient;
before(async () => {
  agent = await AgentProcess.start();
  execFileSync(
    'sh',
    ['-c', 'mkdir -p vol/lost+found vol2 share/dir; echo one > share/one; echo two > share/dir/two'],
    {
      cwd: agent.dir,
    },
  );
  guest = await agent.pod({
    disks: [
      { device: `${agent.dir}/vol`, at: 'volumes/data', type: 'bind' },
      { device: `${agent.dir}/vol2`, at: 'volumes/other', type: 'bind' },
      { device: `${agent.dir}/share`, at: 'hostpaths', type: 'bind' },
    ],
  });
});
after(() => agent[Symbol.asyncDispose]());

async function made(script: string): Promise<string> {
  const name = newShortId();
  await guest.createContainer(name, containerOf(['sh', '-c', script]));
  await guest.startContainer(name);
  assert.equal((await guest.waitContainer(name)).code, 0);
  return name;
}

/** What GNU tar makes of the stream, one line per entry. */
function list(tar: Buffer): string[] {
  const text = execFileSync('tar', ['-tvf', '-', '--numeric-owner', '--full-time'], {
    input: tar,
    encoding: 'utf8',
  });
  return text
    .trim()
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' '));
}

const names = (tar: Buffer) => list(tar).map((line) => line.split(' ').slice(5).join(' '));

test('reading: a file, a directory, a link, with their kinds, owners and times', async () => {
  const long = 'n'.repeat(120);
  const name = await made(
    `mkdir -p /d/sub; echo hello > /d/f; chown 77:88 /d/f; chmod 4755 /d/f; touch -d '2001-02-03 04:05:06' /d/f
     ln /d/f /d/hard; ln -s f /d/soft; mkfifo /d/pipe; mknod /d/dev c 1 3; echo x > /d/sub/${long}`,
  );
  const file = await guest.readArchive(name, { path: '/d/f' });
  assert.deepEqual(
    { ...file.stat, mode: file.stat.mode.toString(8) },
    {
      name: 'f',
      size: 6,
      mode: (2 ** 23 + 0o755).toString(8),
      mtimeNs: '981173106000000000',
      linkTarget: '',
    },
  );
  assert.deepEqual(list(await buffer(file.tar)), ['-rwsr-xr-x 77/88 6 2001-02-03 04:05:06 f']);
  const dir = await buffer((await guest.readArchive(name, { path: '/d' })).tar);
  assert.deepEqual(names(dir), [
    'd/',
    'd/dev',
    'd/f',
    'd/hard link to d/f',
    'd/pipe',
    'd/soft -> f',
    'd/sub/',
    `d/sub/${long}`,
  ]);
  assert.deepEqual(names(await buffer((await guest.readArchive(name, { path: '/d/sub/.' })).tar)), [
    './',
    `./${long}`,
  ]);
  const soft = await guest.readArchive(name, { path: '/d/soft' });
  assert.deepEqual([soft.stat.name, soft.stat.linkTarget], ['soft', '/d/f']);
  assert.deepEqual(names(await buffer(soft.tar)), ['soft -> f']);
  assert.deepEqual(await guest.statPath(name, '/d/soft'), soft.stat);
  await assert.rejects(guest.statPath(name, '/nosuch'), { code: 'not-found', message: /Could not find/ });
  await assert.rejects(guest.readArchive(name, { path: '/nosuch/x' }), {
    code: 'not-found',
    message: 'Could not find the file /nosuch/x in container',
  });
  await guest.removeContainer(name);
});

test('a large file comes whole; a reader that goes away ends the worker', async () => {
  const name = await made('head -c 30000000 /dev/zero > /big; touch -d "2001-02-03 04:05:06" /big');
  const { tar } = await guest.readArchive(name, { path: '/big' });
  assert.equal((await buffer(tar)).length, 512 + Math.ceil(30_000_000 / 512) * 512 + 1024);
  const abandoned = await guest.readArchive(name, { path: '/big' });
  abandoned.tar.destroy();
  await guest.removeContainer(name);
  const left = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n');
  assert.ok(left.filter((line) => line.includes(agent.dir)).length <= 3);
});

test('writing: files, links, owners, times, parents made', async () => {
  const name = newShortId();
  await guest.createContainer(
    name,
    containerOf(
      [
        'sh',
        '-c',
        'cd /tmp; stat -c "%n %a %u:%g %Y" a a/f; cat a/f a/hard; readlink a/soft; stat -c %F a/p; cat /deep/er/x',
      ],
      {
        user: 'ada',
      },
    ),
  );
  const tar = tarOf([
    { name: 'a/', type: 'directory', mode: 0o755, uid: 5, gid: 6, mtime: new Date(1e9) },
    { name: 'a/f', body: 'text\n', mode: 0o644, uid: 7, gid: 8, mtime: new Date(2e12) },
    { name: 'a/hard', type: 'link', linkname: 'a/f' },
    { name: 'a/soft', type: 'symlink', linkname: '/etc/passwd' },
    { name: 'a/p', type: 'fifo' },
  ]);
  await guest.writeArchive(name, '/tmp', Readable.from([tar]));
  await guest.writeArchive(name, '/', Readable.from([tarOf([{ name: './deep/er/x', body: 'x\n' }])]), {
    copyUIDGID: true,
  });
  const result = await output(guest, name);
  assert.equal(
    result.stdout,
    'a 755 5:6 1000000\na/f 644 7:8 2000000000\ntext\ntext\n/etc/passwd\nfifo\nx\n',
  );
});

test('writing: what is refused, and that it stays inside', async () => {
  const name = newShortId();
  await guest.createContainer(
    name,
    containerOf(['sh', '-c', 'ls /tmp; cat /etc/evil /tmp/out/evil'], { cwd: '/' }),
  );
  const put = async (path: string, entries: Parameters<typeof tarOf>[0], options = {}) =>
    guest.writeArchive(name, path, Readable.from([tarOf(entries)]), options);
  await assert.rejects(put('/nosuch', [{ name: 'f', body: '' }]), { code: 'not-found' });
  await assert.rejects(put('/etc/passwd', [{ name: 'f', body: '' }]), {
    code: 'invalid',
    message: /not a directory/,
  });
  await assert.rejects(put('/tmp', [{ name: '../../../../etc/evil', body: '' }]), {
    code: 'invalid',
    message: /climbs/,
  });
  await assert.rejects(put('/tmp', [{ name: 'h', type: 'link', linkname: '../etc/passwd' }]), {
    code: 'invalid',
  });
  await assert.rejects(guest.writeArchive(name, '/tmp', Readable.from([Buffer.alloc(2000, 1)])), {
    code: 'corrupt',
  });
  const whole = tarOf([{ name: 'cut', body: 'x'.repeat(5000) }]);
  await assert.rejects(guest.writeArchive(name, '/tmp', Readable.from([whole.subarray(0, 2000)])), {
    code: 'corrupt',
  });
  await put('/tmp', [{ name: 'd/x', body: '' }]);
  await assert.rejects(put('/tmp', [{ name: 'd', body: 'file' }], { noOverwriteDirNonDir: true }), {
    message: 'cannot overwrite directory "d" with non-directory',
  });
  // A link to "/" is the container's own root.
  await put('/tmp', [
    { name: 'out', type: 'symlink', linkname: '/../../../etc' },
    { name: 'out/evil', body: 'inside\n' },
  ]);
  const result = await output(guest, name);
  assert.equal(result.stdout.endsWith('inside\ninside\n'), true, result.stdout + result.stderr);
});

test('changes, the writable layer with whiteouts, the merged root', async () => {
  const name = await made(
    'rm /etc/group; echo new > /etc/new; echo more >> /etc/passwd; rm -r /data; mkdir /data; touch /data/only; mkdir /made',
  );
  const kinds = ['C', 'A', 'D'];
  const changes = (await guest.changes(name)).map(({ path, kind }) => `${kinds[kind]} ${path}`).sort();
  assert.deepEqual(changes, [
    'A /data/only',
    'A /etc/new',
    'A /made',
    'C /data',
    'C /etc',
    'C /etc/passwd',
    'D /etc/group',
  ]);
  const upper = names(await buffer((await guest.readArchive(name, 'upper')).tar));
  assert.deepEqual(upper, [
    'data/',
    'data/.wh..wh..opq',
    'data/only',
    'etc/',
    'etc/.wh.group',
    'etc/new',
    'etc/passwd',
    'made/',
  ]);
  const root = names(await buffer((await guest.readArchive(name, 'root')).tar));
  for (const present of ['etc/new', 'data/only', 'bin/busybox', 'dev/', 'proc/', '.dockerenv']) {
    assert.ok(root.includes(present), present);
  }
  assert.equal(root.includes('etc/group'), false);
  assert.equal(
    root.some((entry) => entry.startsWith('proc/1')),
    false,
  );
  await guest.removeContainer(name);
});

test("a volume: first use copies the image's content, later uses and read-only ones do not change it", async () => {
  const volume = { type: 'volume', source: 'volumes/data', target: '/data', copyUp: true } as const;
  const first = await run(
    guest,
    containerOf(['sh', '-c', 'cat /data/hello; stat -c %u:%g /data; echo mine > /data/hello'], {
      mounts: [volume],
    }),
  );
  assert.equal(first.stdout, 'from the image\n1000:1001\n');
  const again = await run(
    guest,
    containerOf(['sh', '-c', 'cat /data/hello; echo x > /data/hello'], {
      mounts: [{ ...volume, readOnly: true }],
    }),
  );
  assert.equal(again.stdout, 'mine\n');
  assert.match(again.stderr, /Read-only file system/);
  const missing = containerOf(['true'], { mounts: [{ ...volume, source: 'volumes/none' }] });
  await assert.rejects(guest.createContainer('m', missing), { code: 'not-found' });
  const sub = containerOf(['cat', '/s/f'], {
    mounts: [{ type: 'volume', source: 'volumes/other', target: '/s', subpath: 'a/b' }],
  });
  await assert.rejects(guest.createContainer('m', sub), { code: 'not-found' });
  execFileSync('sh', ['-c', 'mkdir -p vol2/a/b; echo deep > vol2/a/b/f; ln -s /etc vol2/out'], {
    cwd: agent.dir,
  });
  assert.equal((await run(guest, sub)).stdout, 'deep\n');
  const out = containerOf(['cat', '/s/f'], {
    mounts: [{ type: 'volume', source: 'volumes/other', target: '/s', subpath: 'out' }],
  });
  await assert.rejects(guest.createContainer('m', out), { code: 'not-found' });
});

test('host paths: a directory, a single file, below each other, in any order', async () => {
  const result = await run(
    guest,
    containerOf(['sh', '-c', 'cat /app/inner /app/dir/two; echo w > /app/written'], {
      mounts: [
        { type: 'host', source: 'hostpaths/one', target: '/app/inner', readOnly: true },
        { type: 'host', source: 'hostpaths', target: '/app' },
      ],
    }),
  );
  assert.equal(result.stdout, 'one\ntwo\n');
  assert.equal(execFileSync('cat', [`${agent.dir}/share/written`], { encoding: 'utf8' }), 'w\n');
});

test('links in the image lead mounts nowhere else', async () => {
  execFileSync('sh', ['-c', 'ln -s ../../../../../.. up; ln -s /absolute/missing gone; ln -s loop loop'], {
    cwd: `${agent.dir}/image`,
  });
  const mounts = [
    { type: 'tmpfs', target: '/up/mnt' },
    { type: 'tmpfs', target: '/gone/below' },
  ] as const;
  const result = await run(
    guest,
    containerOf(['sh', '-c', 'grep -E "/mnt|/absolute" /proc/mounts | cut -d" " -f2'], { mounts }),
  );
  assert.equal(result.stdout, '/mnt\n/absolute/missing/below\n');
  await assert.rejects(
    guest.createContainer('l', containerOf(['true'], { mounts: [{ type: 'tmpfs', target: '/loop/x' }] })),
    {
      code: 'invalid',
    },
  );
});

test('taking the pod apart ends everything; the VM can be a pod again', async () => {
  const name = newShortId();
  await guest.createContainer(name, containerOf(['sleep', '1000']));
  await guest.startContainer(name);
  const waiting = guest.waitContainer(name);
  await guest.tearDownPod();
  assert.equal((await waiting).code, 137);
  assert.deepEqual((await guest.info()).containers, []);
  await assert.rejects(guest.createContainer('x', containerOf(['true'])), { code: 'conflict' });
  guest.close();
  guest = await agent.pod();
  assert.equal((await run(guest, containerOf(['echo', 'again']))).stdout, 'again\n');
});
