import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { image, TestCloud } from './harness/cloud.ts';
import { eventually } from './harness/command.ts';

let cloud: TestCloud;
before(async () => {
  cloud = await TestCloud.start();
});
after(() => cloud.stop());

test('kill -9 of the daemon stops no container; the next one takes over', async () => {
  const id = await cloud.sh('i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done');
  const dies = await cloud.sh('sleep 1; echo last; exit 5');
  await eventually('it counts', async () => (await cloud.ok(['logs', id])).includes('10\n'));
  const vmms = await cloud.vmms();
  const startedAt = await cloud.inspect(id, '{{json .State.StartedAt}}');
  await cloud.killDaemon();
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await cloud.startDaemon();
  assert.equal(await cloud.inspect(id, '{{json .State.StartedAt}}'), startedAt);
  assert.equal(await cloud.inspect(id, '{{json .State.Running}}'), true);
  assert.ok(
    (await cloud.vmms()).some((pid) => vmms.includes(pid)),
    'the same VMM',
  );
  assert.equal(await cloud.ok(['wait', dies]), '5');
  assert.equal(await cloud.ok(['logs', dies]), 'last');
  assert.equal(await cloud.ok(['exec', id, 'echo', 'in']), 'in');
  await cloud.ok(['stop', '-t', '1', id]);
  const lines = (await cloud.ok(['logs', id])).split('\n');
  assert.deepEqual(
    lines,
    lines.map((_, i) => String(i + 1)),
    'no line lost, none twice',
  );
  await cloud.ok(['rm', id, dies]);
});

test('SIGTERM drains: containers go on too', async () => {
  const id = await cloud.sh('sleep 1000');
  await cloud.stopDaemon();
  await cloud.startDaemon();
  assert.equal(await cloud.inspect(id, '{{json .State.Running}}'), true);
  await cloud.ok(['rm', '-f', id]);
});

test('a VM that is silent when a daemon starts keeps nobody else waiting', async () => {
  const silent = await cloud.sh('sleep 1000');
  const vmm = await cloud.inspect<number>(silent, '{{.State.Pid}}');
  const other = await cloud.sh('sleep 1000');
  await cloud.killDaemon();
  assert.ok((await cloud.vmms()).includes(vmm));
  process.kill(vmm, 'SIGSTOP');
  await cloud.startDaemon();
  assert.equal(await cloud.ok(['exec', other, 'echo', 'in']), 'in');
  assert.equal(await cloud.ok(['run', '--rm', image, 'echo', 'new']), 'new');
  await cloud.fails(['exec', silent, 'true'], /does not answer yet since the daemon was restarted/);
  assert.equal(await cloud.inspect(silent, '{{json .State.Running}}'), true);
  process.kill(vmm, 'SIGCONT');
  await eventually('it answers', async () => (await cloud.ok(['exec', silent, 'echo', 'in'])) === 'in');
  await cloud.ok(['rm', '-f', silent, other]);
});

test('restart policies', async () => {
  const failing = await cloud.sh('echo run; exit 1', ['--restart', 'on-failure:2']);
  await eventually(
    'it gave up',
    async () =>
      (await cloud.inspect(failing, '[{{.RestartCount}},{{.State.Running}}]')).toString() === '2,false',
  );
  await eventually('three runs', async () => (await cloud.ok(['logs', failing])) === 'run\nrun\nrun');
  const always = await cloud.sh('echo run; sleep 0.2', ['--restart', 'always']);
  await eventually(
    'it came back',
    async () => (await cloud.inspect<number>(always, '{{.RestartCount}}')) >= 2,
  );
  await cloud.ok(['stop', always]);
  assert.equal(await cloud.inspect(always, '{{json .State.Running}}'), false);
  await cloud.ok(['rm', failing, always]);
});

test('restart policies, the daemon’s end and the VMM’s', async () => {
  const policy = (name: string): Promise<string> => cloud.sh('sleep 1000', ['--restart', name]);
  const pid = (id: string): Promise<number> => cloud.inspect<number>(id, '{{.State.Pid}}');
  const isUp = (id: string): Promise<boolean> => cloud.inspect<boolean>(id, '{{.State.Running}}');
  const [always, unlessStopped, lost, never] = await Promise.all(
    ['always', 'unless-stopped', 'unless-stopped', 'no'].map(policy),
  );
  assert.ok(always && unlessStopped && lost && never);

  const before = await pid(always);
  process.kill(before, 'SIGKILL');
  await eventually('it is back in another VM', async () => {
    const now = await pid(always);
    return now > 0 && now !== before;
  });
  assert.equal(await cloud.inspect(always, '{{.RestartCount}}'), 1);

  await cloud.ok(['stop', '-t', '0', always, unlessStopped]);
  const gone = [await pid(lost), await pid(never)];
  await cloud.killDaemon();
  for (const vmm of gone) process.kill(vmm, 'SIGKILL');
  await cloud.startDaemon();
  await eventually('the lost one runs again', () => isUp(lost));
  await eventually('`always` comes back with the daemon', () => isUp(always));
  assert.equal(await isUp(unlessStopped), false, '`unless-stopped` stays as the user left it');
  assert.equal(await isUp(never), false);
  const state = await cloud.inspect<{ ExitCode: number; Error: string }>(never, '{{json .State}}');
  assert.notEqual(state.ExitCode, 0);
  assert.match(state.Error, /VM/);
  await cloud.ok(['rm', '-f', always, unlessStopped, lost, never]);
});

test('health checks', async () => {
  const id = await cloud.sh('touch /ok; sleep 1000', [
    '--health-cmd',
    'test -e /ok',
    '--health-interval',
    '200ms',
    '--health-retries',
    '2',
  ]);
  const health = (): Promise<string> => cloud.ok(['inspect', '--format', '{{.State.Health.Status}}', id]);
  await eventually('healthy', async () => (await health()) === 'healthy');
  await cloud.ok(['exec', id, 'rm', '/ok']);
  await eventually('unhealthy', async () => (await health()) === 'unhealthy');
  await cloud.ok(['rm', '-f', id]);
});

test('kill -9 of the VMM is the container’s end, with a reason', async () => {
  const id = await cloud.sh('sleep 1000');
  const pid = await cloud.inspect<number>(id, '{{.State.Pid}}');
  assert.ok((await cloud.vmms()).includes(pid), 'the pid is the VMM’s');
  process.kill(pid, 'SIGKILL');
  await cloud.ok(['wait', id]);
  const state = await cloud.inspect<{ ExitCode: number; Running: boolean; Error: string }>(
    id,
    '{{json .State}}',
  );
  assert.equal(state.Running, false);
  assert.notEqual(state.ExitCode, 0);
  assert.match(state.Error, /VM/i);
  await cloud.ok(['rm', id]);
});

test('two clients race for one container', async () => {
  const id = await cloud.ok(['create', image, 'sleep', '1000']);
  const starts = await Promise.all([1, 2, 3].map(() => cloud.docker(['start', id])));
  assert.ok(starts.every((result) => result.code === 0));
  const removals = await Promise.all([
    cloud.docker(['rm', '-f', id]),
    cloud.docker(['stop', '-t', '0', id]),
    cloud.docker(['rm', '-f', id]),
  ]);
  assert.ok(removals.some((result) => result.code === 0));
  await eventually('it is gone', async () => (await cloud.docker(['inspect', id])).code !== 0);
});
