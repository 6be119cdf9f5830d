import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { image, TestCloud } from './harness/cloud.ts';
import { eventually, run } from './harness/command.ts';

let cloud: TestCloud;
before(async () => {
  cloud = await TestCloud.start({ cradle: { warmMax: 0 } });
});
after(() => cloud.stop());

/** A container that does nothing, with these options. */
const idle = (name: string, ...options: string[]): Promise<string> =>
  cloud.sh('trap "exit 0" TERM; while :; do sleep 0.1; done', ['--name', name, ...options]);
const inside = (name: string, line: string): Promise<string> => cloud.ok(['exec', name, 'sh', '-c', line]);
const tar = async (...args: string[]): Promise<Buffer> => (await run('tar', args)).raw;

test('what one container writes into a volume the others read at once, and who may only read can do no more', async () => {
  await idle('v1', '-v', 'data:/x');
  await Promise.all([
    idle('v2', '-v', 'data:/x'),
    idle('v3', '-v', 'data:/y:ro'),
    idle('v4', '--volumes-from', 'v1'),
  ]);
  await inside('v1', 'echo one > /x/f');
  await inside(
    'v2',
    'echo two >> /x/f; mkdir /x/dir; ln -s ../f /x/dir/link; chown 7:8 /x/dir; chmod 2750 /x/dir',
  );
  await inside('v4', 'cat /x/dir/link > /x/dir/copy; echo three >> /x/f');
  assert.equal(await inside('v3', 'cat /y/dir/link /y/dir/copy'), 'one\ntwo\nthree\none\ntwo');
  for (const [name, at] of [
    ['v1', '/x'],
    ['v3', '/y'],
  ] as const)
    assert.equal(await inside(name, `stat -c %u:%g:%a ${at}/dir`), '7:8:2750');
  assert.match(await inside('v3', 'exec 2>&1; (echo x > /y/f); rm /y/f; true'), /Read-only.*Read-only/s);
  await inside('v2', 'mv /x/f /x/g; rm -r /x/dir');
  assert.equal(await inside('v1', 'ls /x'), 'g');
  await cloud.fails(['volume', 'rm', 'data'], /in use/);
});

test('locks hold between containers, by a program that is run from the volume', async () => {
  const libraries = ['/lib64/ld-linux-x86-64.so.2', '/lib/x86_64-linux-gnu/libc.so.6'];
  const bytes = await tar('-ch', '--transform', 's,.*/,,', '/usr/bin/flock', ...libraries);
  await cloud.ok(['cp', '-', 'v2:/x'], { input: bytes });
  const flock = (at: string): string => `${at}/ld-linux-x86-64.so.2 --library-path ${at} ${at}/flock`;
  await inside('v1', 'touch /x/lock');
  const held = inside(
    'v2',
    `${flock('/x')} /x/lock sh -c "touch /x/held; while ! test -e /x/go; do sleep 0.05; done"`,
  );
  await eventually('v2 has the lock', () => inside('v1', 'ls /x/held'));
  for (const [name, at] of [
    ['v1', '/x'],
    ['v3', '/y'],
    ['v4', '/x'],
  ] as const) {
    assert.equal(await inside(name, `${flock(at)} -n ${at}/lock true; echo $?`), '1', name);
  }
  const waits = inside('v4', `${flock('/x')} /x/lock cat /x/go`);
  await inside('v1', 'echo on > /x/go.new; mv /x/go.new /x/go');
  await held;
  assert.equal(await waits, 'on');
});

test('files are copied into and out of a container that does not run, from a volume that a running one has', async () => {
  await cloud.ok(['create', '--name', 'v5', '-v', 'data:/z', image, 'true']);
  await cloud.ok(['cp', '-', 'v5:/z'], { input: await tar('-c', '-C', cloud.dir, 'config.json') });
  assert.match(await inside('v2', 'cat /x/config.json'), /warmMax/);
  assert.match((await cloud.docker(['cp', 'v5:/z/g', '-'])).stdout, /one\ntwo\nthree\n/);
  await cloud.ok(['rm', 'v5']);
});

test('the one that keeps the volume goes, by a stop and by a crash of its VMM: the others go on, and it comes back', async () => {
  await inside('v4', 'i=0; while echo $((i+=1)) >> /x/count; do sleep 0.02; done > /dev/null 2>&1 &');
  const grows = async (name: string, at = '/x'): Promise<void> => {
    const count = async (): Promise<number> => Number(await inside(name, `wc -l < ${at}/count`));
    const from = await count();
    await eventually('it is written', async () => (await count()) > from + 2);
  };
  await grows('v3', '/y');
  await cloud.ok(['stop', 'v1']);
  await grows('v3', '/y');
  await cloud.ok(['start', 'v1']);
  await grows('v1');
  await inside('v1', 'echo kept | dd of=/x/kept conv=fsync 2>/dev/null');
  const lines = (await inside('v1', 'uniq /x/count')).split('\n');
  assert.deepEqual(
    lines,
    lines.map((_, i) => String(i + 1)),
    'nothing is lost',
  );
  // Whoever keeps it now, it isn't v1: so all three go, one after the other.
  for (const name of ['v2', 'v3']) {
    process.kill(await cloud.inspect<number>(name, '{{.State.Pid}}'), 'SIGKILL');
    await cloud.ok(['wait', name]);
    await grows('v1');
  }
  assert.equal(await inside('v4', 'cat /x/kept'), 'kept');
  await cloud.ok(['start', 'v2']);
  await grows('v2');
});

test('a daemon that is killed leaves them waiting, and the next one links them again', async () => {
  await cloud.killDaemon();
  await cloud.startDaemon();
  await inside('v2', 'echo after | dd of=/x/after conv=fsync 2>/dev/null');
  assert.equal(await inside('v1', 'cat /x/after'), 'after');
  // The first after the one that kept it until then.
  const pid = await cloud.inspect<number>('v4', '{{.State.Pid}}');
  await cloud.killDaemon();
  process.kill(pid, 'SIGKILL');
  await cloud.startDaemon();
  assert.equal(await inside('v1', 'cat /x/after'), 'after');
});

test('several that start at once fill an empty volume once', async () => {
  await Promise.all(['v6', 'v7', 'v8'].map((name) => idle(name, '-v', 'bin:/bin')));
  const [most] = await Promise.all(['v6', 'v7', 'v8'].map((name) => inside(name, 'ls /bin | wc -l')));
  assert.equal(most, await inside('v1', 'ls /bin | wc -l'));
});
