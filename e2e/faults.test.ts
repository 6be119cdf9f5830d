import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { image, TestCloud } from './harness/cloud.ts';
import { run } from './harness/command.ts';

let cloud: TestCloud;
before(async () => {
  cloud = await TestCloud.start({ cradle: { warmMax: 1 }, pods: { writableBytesDefault: 64 * 1024 * 1024 } });
});
after(() => cloud.stop());

test('a guest that fills its disk gets the error, and nobody else does', async () => {
  const id = await cloud.sh('dd if=/dev/zero of=/big bs=1M count=200; echo code $?');
  await cloud.ok(['wait', id]);
  const { stdout, stderr } = await cloud.docker(['logs', id]);
  assert.match(stderr, /No space left on device/);
  assert.match(stdout, /code 1/);
  assert.equal(await cloud.ok(['run', '--rm', image, 'echo', 'fine']), 'fine');
  await cloud.ok(['rm', id]);
});

test('clones share no randomness, and their clocks are right', async () => {
  const seen = new Set<string>();
  for (let i = 0; i < 10; i += 1) {
    const [random = '', guestMs = ''] = (
      await cloud.ok(['run', '--rm', image, 'sh', '-c', 'head -c 32 /dev/urandom | md5sum; date +%s'])
    ).split('\n');
    assert.ok(!seen.has(random));
    seen.add(random);
    assert.ok(Math.abs(Number(guestMs) * 1000 - Date.now()) < 3000);
  }
});

test('malformed requests get 400 in JSON, and change nothing', async () => {
  const curl = (args: string[]) =>
    run('curl', ['-s', '-w', '\n%{http_code}', '--unix-socket', cloud.socket, ...args]);
  const json = ['-H', 'Content-Type: application/json'];
  for (const body of [
    '{',
    '[]',
    '{"Image":5}',
    '{"Image":"busybox","HostConfig":{"Memory":"x"}}',
    '{"Image":"busybox","Cmd":{}}',
    '',
  ]) {
    const { stdout } = await curl([...json, '-d', body, 'http://x/v1.41/containers/create']);
    const [text = '', status] = stdout.split(/\n(?=\d+$)/);
    assert.equal(status, '400', `${body}: ${stdout}`);
    assert.ok((JSON.parse(text) as { message: string }).message.length > 0);
  }
  assert.equal(await cloud.ok(['ps', '-aq']), '');
});

test('run and remove, many times, leaves nothing', async () => {
  const snapshot = async (): Promise<string> => {
    const { stdout } = await run('sh', [
      '-c',
      `ip -o link | wc -l; ip netns | wc -l; ls ${cloud.dir}/pods | wc -l; grep -c ${cloud.dir} /proc/mounts; ls -d /sys/fs/cgroup/*/kraud*/* /sys/fs/cgroup/kraud*/* 2>/dev/null | wc -l`,
    ]);
    return `${stdout.trim()} vmms ${(await cloud.vmms()).length}`;
  };
  const { eventually } = await import('./harness/command.ts');
  const warm = async (): Promise<boolean> =>
    (await cloud.ok(['info', '--format', '{{.Containers}}'])) === '0' && (await cloud.vmms()).length === 1;
  await cloud.ok(['run', '--rm', image, 'true']);
  await eventually('a warm slot waits', warm);
  const before = await snapshot();
  for (let i = 0; i < 20; i += 1) await cloud.ok(['run', '--rm', image, 'true']);
  await eventually('as it was before', async () => (await warm()) && (await snapshot()) === before);
});
