import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { image, TestCloud } from './harness/cloud.ts';
import { eventually } from './harness/command.ts';

let cloud: TestCloud;
before(async () => {
  cloud = await TestCloud.start();
});
after(() => cloud.stop());

test('the container’s output comes back, and it is gone', async () => {
  assert.equal(await cloud.ok(['run', '--rm', image, 'echo', 'hi']), 'hi');
  assert.equal(await cloud.ok(['ps', '-aq']), '');
});

test('both streams stay apart', async () => {
  const result = await cloud.docker(['run', '--rm', image, 'sh', '-c', 'echo out; echo err >&2']);
  assert.deepEqual([result.stdout, result.stderr], ['out\n', 'err\n']);
});

for (const code of [0, 1, 42, 255]) {
  test(`exit code ${code} comes back`, async () => {
    assert.equal((await cloud.docker(['run', '--rm', image, 'sh', '-c', `exit ${code}`])).code, code);
  });
}

test('a program that isn’t there is 127, one that can’t be run 126', async () => {
  await cloud.fails(['run', '--rm', image, 'nosuch'], /executable file not found in \$PATH/, 127);
  await cloud.fails(['run', '--rm', image, '/bin'], /permission denied|is a directory/i, 126);
  await cloud.fails(['run', '--rm', 'nosuch:1', 'true'], /nosuch/, 125);
  assert.equal(await cloud.ok(['ps', '-aq']), '');
});

test('it runs on a kernel of its own', async () => {
  const guest = await cloud.ok(['run', '--rm', image, 'uname', '-r']);
  assert.notEqual(guest, readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim());
});

test('stdin reaches it, and its end too', async () => {
  const input = 'x'.repeat(200_000);
  const result = await cloud.docker(['run', '--rm', '-i', image, 'wc', '-c'], { input });
  assert.equal(result.stdout.trim(), '200000');
  assert.equal((await cloud.docker(['run', '--rm', '-i', image, 'cat'], { input: 'a\nb' })).stdout, 'a\nb');
});

test('what goes through is byte for byte what came', async () => {
  const input = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
  const result = await cloud.docker(['run', '--rm', '-i', image, 'cat'], { input });
  assert.ok(result.raw.equals(input));
});

test('environment, directory, user, host name', async () => {
  const out = await cloud.ok([
    'run',
    '--rm',
    '-e',
    'A=1 2',
    '-e',
    'B',
    '-w',
    '/some/where',
    '-u',
    '1000:1001',
    '-h',
    'box',
    image,
    'sh',
    '-c',
    'echo "$A|$B|$(pwd)|$(id -u):$(id -g)|$(hostname)"',
  ]);
  assert.equal(out, '1 2||/some/where|1000:1001|box');
});

test('a short host name by default, and it is in /etc/hosts', async () => {
  const id = await cloud.sh('hostname; grep -c "$(hostname)" /etc/hosts');
  await cloud.ok(['wait', id]);
  assert.equal(await cloud.ok(['logs', id]), `${id.slice(0, 12)}\n1`);
  await cloud.ok(['rm', id]);
});

test('entrypoint, labels and name', async () => {
  assert.equal(
    await cloud.ok(['run', '--name', 'entry', '--label', 'a=b', '--entrypoint', 'echo', image, 'x', 'y']),
    'x y',
  );
  assert.deepEqual(await cloud.inspect('entry', '{{json .Config.Labels}}'), { a: 'b' });
  await cloud.fails(
    ['create', '--name', 'entry', image],
    /Conflict\. The container name "\/entry" is already in use/,
  );
  await cloud.ok(['rm', 'entry']);
});

test('files stay over stop and start', async () => {
  const id = await cloud.sh('cat /kept 2>/dev/null; echo more >> /kept');
  await cloud.ok(['wait', id]);
  await cloud.ok(['start', id]);
  await cloud.ok(['wait', id]);
  assert.equal(await cloud.ok(['logs', id]), 'more');
  await cloud.ok(['rm', id]);
});

test('stop asks first and forces then; kill kills', async () => {
  const polite = await cloud.sh('trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.1; done');
  await eventually('the trap is set', async () => (await cloud.ok(['logs', polite])) === 'ready');
  await cloud.ok(['stop', polite]);
  assert.equal(await cloud.inspect(polite, '{{.State.ExitCode}}'), 3);
  assert.equal(await cloud.ok(['logs', polite]), 'ready\nbye');
  const stubborn = await cloud.sh('trap "" TERM; while :; do sleep 0.1; done');
  await cloud.ok(['stop', '-t', '1', stubborn]);
  assert.equal(await cloud.inspect(stubborn, '{{.State.ExitCode}}'), 137);
  const killed = await cloud.sh('sleep 1000');
  await cloud.ok(['kill', killed]);
  assert.equal(await cloud.inspect(killed, '{{.State.ExitCode}}'), 137);
  await cloud.ok(['rm', polite, stubborn, killed]);
});

test('pause stops time, unpause goes on', async () => {
  const id = await cloud.sh('while :; do echo tick; sleep 0.05; done');
  await eventually('it ticks', async () => (await cloud.ok(['logs', id])).includes('tick'));
  await cloud.ok(['pause', id]);
  assert.equal(await cloud.ok(['inspect', '--format', '{{.State.Status}}', id]), 'paused');
  const lines = (await cloud.ok(['logs', id])).length;
  assert.equal((await cloud.ok(['logs', id])).length, lines);
  await cloud.fails(['exec', id, 'true'], /paused/);
  await cloud.ok(['unpause', id]);
  await eventually('it ticks on', async () => (await cloud.ok(['logs', id])).length > lines);
  await cloud.ok(['rm', '-f', id]);
});

test('rename, ps and its filters', async () => {
  const id = await cloud.sh('sleep 1000', ['--name', 'old', '--label', 'x=1']);
  await cloud.ok(['rename', 'old', 'new']);
  assert.equal(await cloud.ok(['ps', '--format', '{{.Names}}', '--filter', 'label=x=1']), 'new');
  assert.equal(await cloud.ok(['ps', '-q', '--no-trunc', '--filter', 'name=new']), id);
  assert.equal(await cloud.ok(['ps', '-q', '--filter', 'name=old']), '');
  assert.match(await cloud.ok(['ps', '--format', '{{.Status}}']), /^Up /);
  await cloud.fails(['rm', 'new'], /container is running/);
  await cloud.ok(['rm', '-f', 'new']);
});

test('the boot ledger accounts for the start', async () => {
  await cloud.ok(['run', '--name', 'ledger', image, 'true']);
  const ledger = await cloud.inspect<{ phase: string; startMs: number; endMs: number }[]>(
    'ledger',
    '{{json .Kraud.Ledger}}',
  );
  for (const phase of ['api', 'place', 'slot', 'disks', 'guest', 'exec']) {
    const entry = ledger.find((e) => e.phase === phase);
    assert.ok(entry && entry.endMs >= entry.startMs, `phase ${phase}`);
  }
  await cloud.ok(['rm', 'ledger']);
});

test('what isn’t supported is refused by name before anything is made', async () => {
  await cloud.fails(['run', '--rm', '--device', '/dev/kvm', image, 'true'], /[Dd]evice/);
  await cloud.fails(['run', '--rm', '--pid', 'host', image, 'true'], /[Pp]id/);
  await cloud.fails(['run', '--rm', '--network', 'nosuch', image, 'true'], /network nosuch not found/);
  assert.equal(await cloud.ok(['ps', '-aq']), '');
});
