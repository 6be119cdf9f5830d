import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import type { GuestClient } from './client.ts';
import type { GuestError } from './error.ts';
import { AgentProcess, agentBinary, containerOf } from './testing/agent-process.ts';
import { LoopDisk } from './testing/loop-disk.ts';
import { execIn, finish, output, run } from './testing/run.ts';
import { ShareLink } from './testing/share-link.ts';

const at = 'volumes/0';
const agentSources = join(agentBinary, '../..');
const volume = (target: string, more = {}) => ({ type: 'volume', source: at, target, ...more }) as const;

let disk: LoopDisk;
let keeperAgent: AgentProcess;
let sharerAgent: AgentProcess;
let keeper: GuestClient;
let sharer: GuestClient;
before(async () => {
  execFileSync('make', ['-s', '-C', agentSources, 'build/lock']);
  disk = await LoopDisk.make();
  [keeperAgent, sharerAgent] = await Promise.all([AgentProcess.start(), AgentProcess.start()]);
  for (const agent of [keeperAgent, sharerAgent])
    await copyFile(join(agentSources, 'build/lock'), join(agent.dir, 'image/bin/lock'));
  keeper = await keeperAgent.pod({ disks: [{ device: disk.device, at, type: 'ext4' }] });
  sharer = await sharerAgent.pod({ disks: [{ device: disk.device, at, type: 'share' }] });
});
after(async () => {
  await sharerAgent[Symbol.asyncDispose]();
  await keeperAgent[Symbol.asyncDispose]();
  await disk[Symbol.asyncDispose]();
});

const sh = (guest: GuestClient, script: string, more = {}) =>
  run(guest, containerOf(['sh', '-c', script], { mounts: [volume('/data')], ...more }));

test('what one writes the other reads, and a start in the share waits for its link', async () => {
  assert.equal((await sh(keeper, 'echo from the keeper > /data/a; mkdir /data/work')).exit.code, 0);
  const waiting = sh(sharer, 'pwd; cat ../a; echo from the sharer > b; ls /data', { cwd: '/data/work' });
  assert.deepEqual((await sharer.info()).shares, [{ at, state: 'waiting' }]);
  await using _link = await ShareLink.start(sharer, keeper, at);
  assert.equal((await waiting).stdout, '/data/work\nfrom the keeper\na\nlost+found\nwork\n');
  assert.deepEqual((await sharer.info()).shares, [{ at, state: 'linked' }]);
  assert.equal((await sh(keeper, 'cat /data/work/b')).stdout, 'from the sharer\n');
});

test('a lock of one keeps the other out, also over a new link', async () => {
  let link = await ShareLink.start(sharer, keeper, at);
  for (const kind of ['flock', 'posix']) {
    await sharer.createContainer(
      'locker',
      containerOf(['lock', `wait-${kind}`, '/data/lock', 'cat'], { mounts: [volume('/data')], stdin: true }),
    );
    await sharer.startContainer('locker');
    const wants = `lock ${kind} /data/lock echo mine`;
    while ((await sh(keeper, wants)).stdout !== 'locked\n');
    const replaced = link;
    link = await ShareLink.start(sharer, keeper, at);
    await replaced.ended();
    assert.equal((await sh(sharer, wants)).stdout, 'locked\n');
    assert.equal((await sh(keeper, wants)).stdout, 'locked\n');
    const waits = sh(keeper, `lock wait-${kind} /data/lock echo mine`);
    await sharer.writeStdin('locker', Readable.from([]));
    assert.equal((await waits).stdout, 'mine\n');
    assert.equal((await sharer.waitContainer('locker')).code, 0);
    await sharer.removeContainer('locker');
  }
  await link[Symbol.asyncDispose]();
});

test('users, files, sockets, programs and folders that lie in a share', async () => {
  await using _link = await ShareLink.start(sharer, keeper, at);
  const etc = { mounts: [volume('/etc', { subpath: 'etc' }), volume('/tools', { subpath: 'tools' })] };
  await sh(
    keeper,
    'mkdir /data/etc /data/tools; cp /bin/busybox /data/tools; cp /etc/passwd /etc/group /data/etc',
  );
  await sharer.createContainer('inside', containerOf(['id'], { ...etc, user: 'ada', cwd: '/tools/deep/er' }));
  await sharer.putFile('inside', { path: '/tools/given', mode: 0o444, uid: 0, gid: 0 }, Buffer.from('given'));
  const socket = await sharer.listenUnix('inside', { path: '/tools/socket' });
  assert.match(socket, /^\d+$/);
  await assert.rejects(
    sharer.createContainer('nobody', containerOf(['id'], { ...etc, user: 'nobody' })),
    (error: GuestError) => error.code === 'invalid' && error.message.includes('unable to find user nobody'),
  );
  assert.match((await output(sharer, 'inside')).stdout, /uid=1000\(ada\)/);
  await sharer.createContainer('program', containerOf(['/tools/busybox', 'sleep', '1000'], etc));
  await sharer.startContainer('program');
  const given = await execIn(sharer, 'program', {
    args: ['/tools/busybox', 'sh', '-c', 'pwd; id -un; ls /tools'],
    cwd: '/tools',
    user: 'ada',
  });
  assert.equal(given.stdout, '/tools\nada\nbusybox\ndeep\ngiven\nsocket\n');
  await assert.rejects(
    sharer.exec('program', 'missing', { args: ['/tools/missing'] }),
    (error: GuestError) => error.errno === 'ENOENT',
  );
  await sharer.createContainer('absent', containerOf(['/tools/absent'], etc));
  await assert.rejects(sharer.startContainer('absent'), (error: GuestError) => error.errno === 'ENOENT');
  await sharer.removeContainer('absent');
  const [top] = await sharer.processes('program');
  assert.equal(top?.args, '/tools/busybox sleep 1000');
  assert.equal((await sharer.statPath('program', '/tools/busybox')).name, 'busybox');
  await sharer.removeContainer('program');
});

test('copy-up fills an empty share once, and a read-only mount of it stays so', async () => {
  await using _link = await ShareLink.start(sharer, keeper, at);
  await sh(keeper, 'mkdir /data/empty');
  const up = { mounts: [volume('/data', { subpath: 'empty', copyUp: true })] };
  assert.equal(
    (await sh(sharer, 'cat /data/hello; rm /data/hello; touch /data/x', up)).stdout,
    'from the image\n',
  );
  assert.equal((await sh(keeper, 'ls /data/empty; stat -c %u:%g /data/empty')).stdout, 'x\n1000:1001\n');
  const only = await sh(sharer, 'cat /data/a; touch /data/a', {
    mounts: [volume('/data', { readOnly: true })],
  });
  assert.equal(only.stdout, 'from the keeper\n');
  assert.match(only.stderr, /Read-only file system/);
});

test('an open file without a name outlives its link; a killed process does not wait for one', async () => {
  const link = await ShareLink.start(sharer, keeper, at);
  await sharer.createContainer(
    'nameless',
    containerOf(
      ['sh', '-c', 'exec 3>/data/n 4</data/n; rm /data/n; echo there >&3; cat >/dev/null; cat <&4'],
      {
        mounts: [volume('/data')],
        stdin: true,
      },
    ),
  );
  await sharer.startContainer('nameless');
  while ((await execIn(sharer, 'nameless', { args: ['ls', '/data'] })).stdout.includes('n\n'));
  await link[Symbol.asyncDispose]();
  await sharer.createContainer('waits', containerOf(['sh', '-c', 'ls /'], {}));
  const exec = await sharer.exec('nameless', 'stuck', { args: ['sh', '-c', 'echo begun; ls /data'] });
  for await (const { bytes } of exec) {
    assert.equal(bytes.toString(), 'begun\n');
    await sharer.killExec('nameless', 'stuck', 9);
  }
  assert.equal((await exec.exit).signal, 9);
  await sharer.removeContainer('waits');
  await using _next = await ShareLink.start(sharer, keeper, at);
  const logs = await sharer.logs('nameless');
  await sharer.writeStdin('nameless', Readable.from([]));
  const read: string[] = [];
  for await (const entry of logs) read.push(entry.bytes.toString());
  assert.deepEqual(read, ['there\n']);
  await sharer.removeContainer('nameless');
});

test('programs that send files of a share straight into their output, and fill them from their input', async () => {
  await using _link = await ShareLink.start(sharer, keeper, at);
  await sh(keeper, 'mkdir /data/many; for i in $(seq 50); do seq $i 2000 > /data/many/$i; done');
  const files = 'cat /data/many/* /data/many/* /data/many/*';
  const wanted = (await sh(keeper, `${files} | md5sum`)).stdout;
  const sent = await sh(sharer, files);
  assert.equal(createHash('md5').update(sent.stdout).digest('hex'), wanted.slice(0, 32));
  const app = { mounts: [volume('/data')] };
  await sharer.createContainer('sender', containerOf(['sleep', '1000'], app));
  await sharer.startContainer('sender');
  const both = await Promise.all(
    [1, 2].map(() => execIn(sharer, 'sender', { args: ['sh', '-c', `${files}; echo end >&2; exit 3`] })),
  );
  for (const { stdout, stderr, exit } of both) {
    assert.equal(createHash('md5').update(stdout).digest('hex'), wanted.slice(0, 32));
    assert.deepEqual([stderr, exit.code], ['end\n', 3]);
  }
  // What is left running doesn't keep the end back.
  const left = await execIn(sharer, 'sender', { args: ['sh', '-c', 'sleep 1000 & echo begun'] });
  assert.equal(left.stdout, 'begun\n');
  const taken = await sharer.exec('sender', 'taker', {
    args: ['sh', '-c', 'cat > /data/taken'],
    stdin: true,
  });
  taken.stdin.end(Buffer.alloc(3_000_000, 'x'));
  assert.equal((await finish(taken)).exit.code, 0);
  assert.equal((await sh(keeper, 'wc -c < /data/taken')).stdout, '3000000\n');
  await sharer.removeContainer('sender');
});

test('calls on what is no share, and bytes that are no request', async () => {
  const named = (code: string) => (error: GuestError) => error.code === code;
  await assert.rejects(sharer.linkShare('volumes/1'), named('not-found'));
  await assert.rejects(sharer.serveShare(at), named('not-found'));
  await assert.rejects(keeper.linkShare(at), named('not-found'));
  await assert.rejects(keeper.holdShare(at), named('not-found'));
  await assert.rejects(keeper.serveShare('writable'), named('not-found'));
  await assert.rejects(keeper.serveShare('../..'), named('not-found'));
  const serve = await keeper.serveShare(at);
  serve.write(Buffer.alloc(4096, 0xff));
  serve.resume();
  await once(serve, 'end');
  serve.destroy();
  const link = await sharer.linkShare(at);
  link.write(Buffer.alloc(4096, 0x00));
  link.resume();
  await once(link, 'end');
  link.destroy();
  await using _link = await ShareLink.start(sharer, keeper, at);
  assert.equal((await sh(sharer, 'cat /data/a')).stdout, 'from the keeper\n');
});

test('a pod whose share is linked to nobody still ends', async () => {
  await using agent = await AgentProcess.start();
  const lonely = await agent.pod({ disks: [{ device: disk.device, at, type: 'share' }] });
  const create = lonely.createContainer('waits', containerOf(['ls', '/data'], { mounts: [volume('/data')] }));
  create.catch(() => {});
  await lonely.createContainer('stuck', containerOf(['sleep', '1000'])).catch(() => {});
  await lonely.startContainer('stuck');
  await lonely.tearDownPod();
  assert.deepEqual((await lonely.info()).containers, []);
});

test('the keeper is killed: a sharer holds the disk, then serves another', async () => {
  const link = await ShareLink.start(sharer, keeper, at);
  const script =
    'i=0; while [ ! -e /data/stop ]; do i=$((i+1)); echo $i >>/data/log; done; tail -n1 /data/log; wc -l </data/log';
  await sharer.createContainer(
    'worker',
    containerOf(['lock', 'posix', '/data/mine', 'sh', '-c', script], { mounts: [volume('/data')] }),
  );
  await sharer.startContainer('worker');
  while ((await sh(keeper, 'wc -l </data/log')).stdout.trim() < '9');
  await keeperAgent[Symbol.asyncDispose]();
  await link.ended();
  await link[Symbol.asyncDispose]();
  await Promise.all([sharer.holdShare(at), sharer.holdShare(at)]);
  await sharer.holdShare(at);
  assert.deepEqual((await sharer.info()).shares, [{ at, state: 'held' }]);
  await assert.rejects(sharer.linkShare(at), (error: GuestError) => error.code === 'conflict');

  await using agent = await AgentProcess.start();
  await copyFile(join(agentSources, 'build/lock'), join(agent.dir, 'image/bin/lock'));
  const third = await agent.pod({ disks: [{ device: disk.device, at, type: 'share' }] });
  await using _link = await ShareLink.start(third, sharer, at);
  const seen = await sh(third, 'lock posix /data/mine echo free; touch /data/stop');
  assert.equal(seen.stdout, 'locked\n');
  const logs = await sharer.logs('worker');
  const read: string[] = [];
  for await (const entry of logs) read.push(entry.bytes.toString());
  const [last, lines] = read.join('').trim().split('\n').map(Number);
  // What the change of keepers interrupted may have been done twice.
  assert.ok(last && lines && (lines === last || lines === last + 1), read.join(''));
  await sharer.removeContainer('worker');
  await third.tearDownPod();
  await sharer.tearDownPod();
});
