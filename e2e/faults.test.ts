import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { busyboxTar } from '../bench/image.ts';
import { image, TestCloud } from './harness/cloud.ts';
import { eventually, run } from './harness/command.ts';

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

test('no two clones share randomness', async () => {
  const clones = Number(process.env.KRAUD_CLONES ?? 20);
  const seen = new Set<string>();
  for (let i = 0; i < clones; i += 1) {
    const line = 'head -c 32 /dev/urandom | md5sum; cat /proc/sys/kernel/random/boot_id';
    const random = await cloud.ok(['run', '--rm', '--network', 'none', image, 'sh', '-c', line]);
    for (const bytes of random.split('\n')) seen.add(bytes);
  }
  assert.equal(seen.size, 2 * clones);
});

test('the guest’s clock is the host’s, from the first moment and later', async () => {
  const guestMs = (text: string): number => {
    const [, seconds, microseconds] = /tv_sec:\s*(\d+)[\s\S]*tv_usec:\s*(\d+)/.exec(text) ?? [];
    return Number(seconds) * 1000 + Number(microseconds) / 1000;
  };
  const bounded = async (args: string[]): Promise<void> => {
    const before = Date.now();
    const guest = guestMs(await cloud.ok(args));
    const after = Date.now();
    assert.ok(guest > before - 500 && guest < after + 500, `${before} ${guest} ${after}`);
  };
  await bounded(['run', '--rm', image, 'adjtimex']);
  const id = await cloud.sh('sleep 1000');
  await bounded(['exec', id, 'adjtimex']);
  await cloud.ok(['pause', id]);
  await cloud.warm();
  await cloud.ok(['unpause', id]);
  await bounded(['exec', id, 'adjtimex']);
  await cloud.ok(['rm', '-f', id]);
});

test('a guest that exhausts its memory is killed, and said to be', async () => {
  for (const limit of [[], ['-m', '64m']]) {
    const id = await cloud.ok(['create', ...limit, image, 'tail', '/dev/zero']);
    await cloud.ok(['start', id]);
    assert.equal(await cloud.ok(['wait', id], { timeoutMs: 120_000 }), '137');
    assert.equal(await cloud.inspect(id, '{{.State.OOMKilled}}'), true);
    await cloud.ok(['rm', id]);
  }
});

test('a fork bomb is its own pod’s trouble: it can be stopped and removed', async () => {
  const free = await cloud.sh('b() { b | b & }; b; sleep 1000');
  const many = '(while :; do sleep 1000 & done); sleep 1000';
  const limited = await cloud.sh(many, ['--pids-limit', '40']);
  assert.equal(await cloud.ok(['run', '--rm', image, 'echo', 'fine']), 'fine');
  await eventually('the limit holds', async () =>
    /can't fork/.test((await cloud.docker(['logs', limited])).stderr),
  );
  assert.ok((await cloud.ok(['top', limited])).split('\n').length <= 41);
  await cloud.ok(['stop', '-t', '0', free], { timeoutMs: 120_000 });
  await cloud.ok(['rm', free]);
  await cloud.ok(['rm', '-f', limited], { timeoutMs: 120_000 });
});

test('archives that are cut short are refused, and leave nothing', async () => {
  const { raw } = await cloud.docker(['save', image]);
  const layer = readFileSync(await busyboxTar(cloud.dir));
  const images = await cloud.ok(['images', '-aq']);
  for (const part of [0.3, 0.9]) {
    const load = await cloud.docker(['load'], { input: raw.subarray(0, raw.length * part) });
    assert.notEqual(load.code, 0, load.stdout);
    assert.match(load.stderr, /unexpected|truncated|cut short|ends|EOF/i);
    const bytes = layer.subarray(0, layer.length * part);
    const imported = await cloud.docker(['import', '-', 'cut'], { input: bytes });
    assert.notEqual(imported.code, 0, imported.stdout);
  }
  assert.equal(await cloud.ok(['images', '-aq']), images);
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
