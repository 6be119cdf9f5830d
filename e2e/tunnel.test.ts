import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { image, type TestCloud } from './harness/cloud.ts';
import { eventually, run } from './harness/command.ts';
import { type Pair, startPair } from './harness/pair.ts';

/** Two hosts on two machines: containers of the one reach those of the other. */
const scratch = mkdtempSync(join(tmpdir(), 'kraud-tunnel-'));
const patienceMs = 120_000;
let pair: Pair;
let near: TestCloud;
let far: TestCloud;

before(async () => {
  // Daemons are killed and come back in time, on a busy machine too; one is lost in the end.
  pair = await startPair(scratch, 40_000);
  ({ near, far } = pair);
});

after(async () => {
  await pair?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

/** A container of that name on a host, on these networks. */
async function start(host: string, name: string, line: string, ...options: string[]): Promise<void> {
  const place = ['--label', `kr.host=${host}`, '--name', name, ...options];
  await near.ok(['run', '-d', ...place, image, 'sh', '-c', line], { timeoutMs: patienceMs });
}

const exec = async (name: string, line: string): Promise<string> =>
  (await near.docker(['exec', name, 'sh', '-c', line], { timeoutMs: patienceMs })).stdout.trim();

const asks = (name: string, line: string, answer: string): Promise<unknown> =>
  eventually(`${name}: ${line}`, async () => (await exec(name, line)) === answer, patienceMs);

const addressOf = (name: string, network: string): Promise<string> =>
  near.ok(['inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, name]);

const pings = (name: string, ip: string): Promise<string> =>
  exec(name, `ping -c 1 -W 3 ${ip} >/dev/null 2>&1 && echo yes || echo no`);

const serve = 'mkdir /www; cd /www; hostname > index.html; httpd; exec sleep 100000';

test('containers of two hosts know and reach each other, both ways', async () => {
  await near.ok(['network', 'create', 'front']);
  await start('near', 'left', serve, '--network', 'front', '--hostname', 'box-left');
  await start(
    'far',
    'right',
    serve,
    '--network',
    'front',
    '--network-alias',
    'www',
    '--hostname',
    'box-right',
  );
  await asks('left', 'wget -qO- http://right', 'box-right');
  await asks('left', 'wget -qO- http://www.front', 'box-right');
  await asks('right', 'wget -qO- http://left', 'box-left');
  const ip = await addressOf('right', 'front');
  assert.notEqual(ip, await addressOf('left', 'front'));
  assert.equal(await pings('left', ip), 'yes');
  assert.match(await exec('left', `nslookup ${ip}`), /name = right\.front/);
  assert.equal(await pings('right', await addressOf('left', 'front')), 'yes');
});

test('much of it at once comes through whole', async () => {
  await exec('right', 'head -c 5000000 /dev/urandom > /www/blob');
  const sum = (await exec('right', 'sha256sum < /www/blob')).split(' ')[0];
  assert.match(await exec('left', 'wget -qO- http://right/blob | sha256sum'), new RegExp(`^${sum}`));
  // Larger than a packet of the wire, and than one of the tunnel.
  const ip = await addressOf('right', 'front');
  for (const size of [1472, 4000]) {
    await asks('left', `ping -c 1 -W 2 -s ${size} ${ip} >/dev/null 2>&1 && echo yes`, 'yes');
  }
});

test('on the default network they reach each other by address, as on one machine, and on others not at all', async () => {
  await near.ok(['network', 'create', '--internal', 'back']);
  await start('far', 'plain', 'exec sleep 100000');
  await start('near', 'plain2', 'exec sleep 100000');
  await start('far', 'hidden', 'exec sleep 100000', '--network', 'back');
  await start('near', 'hidden2', 'exec sleep 100000', '--network', 'back');
  const at =
    (ip: string): (() => Promise<boolean>) =>
    async () =>
      (await pings('plain2', ip)) === 'yes';
  await eventually(
    'the default network',
    at(await addressOf('plain', 'default').catch(() => addressOf('plain', 'bridge'))),
    patienceMs,
  );
  const hidden = await addressOf('hidden', 'back');
  await eventually(
    'the internal network',
    async () => (await pings('hidden2', hidden)) === 'yes',
    patienceMs,
  );
  for (const other of ['left', 'plain2']) assert.equal(await pings(other, hidden), 'no');
  assert.equal(await pings('hidden2', await addressOf('right', 'front')), 'no');
  assert.doesNotMatch(await exec('left', 'nslookup -type=a hidden'), /^Name:/m);
});

test('a connection goes on while both daemons are killed and started again', async () => {
  await near.ok(['exec', '-d', 'right', 'sh', '-c', 'while :; do nc -l -p 90 -e cat; done']);
  const line = 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.2; done | nc right 90 > /heard';
  await near.ok(['exec', '-d', 'left', 'sh', '-c', line]);
  const heard = async (): Promise<number> => Number((await exec('left', 'tail -n 1 /heard')) || 0);
  await eventually('it is answered', async () => (await heard()) > 2, patienceMs);
  const engines = await wireguards();
  assert.equal(engines.length, 2);
  for (const host of [near, far]) {
    await host.killDaemon();
    await host.startDaemon();
  }
  assert.deepEqual(await wireguards(), engines);
  const count = await heard();
  await eventually('it goes on', async () => (await heard()) > count + 5, patienceMs);
  assert.equal(await exec('left', 'sort -n /heard | head -n 1'), '1');
});

test('a fixed address may be any of the network, and only one container has it', async () => {
  await near.ok(['network', 'create', '--subnet', '10.233.0.0/16', 'plan']);
  await start('near', 'first', serve, '--network', 'plan', '--hostname', 'first');
  await start('far', 'chosen', serve, '--network', 'plan', '--hostname', 'chosen', '--ip', '10.233.0.77');
  await asks('first', 'wget -qO- http://10.233.0.77', 'chosen');
  const again = ['--label', 'kr.host=near', '--network', 'plan', '--ip', '10.233.0.77'];
  await near.fails(['run', ...again, image, 'true'], /Address already in use/);
});

test('one that sleeps on the other host is woken by who calls it by name, and by an exec', async () => {
  await start('far', 'napper', serve, '--network', 'front', '--hostname', 'box-napper');
  await asks('left', 'wget -qO- http://napper', 'box-napper');
  const asleep = async (): Promise<boolean> =>
    (await near.ok(['inspect', '-f', '{{json .Kraud.Asleep}}', 'napper'])) !== 'null';
  const sleep = async (): Promise<void> => {
    const { code, stderr } = await near.kra('sleep', 'napper');
    assert.equal(code, 0, stderr);
  };
  await sleep();
  await asks('left', 'wget -qO- http://napper', 'box-napper');
  await eventually('it is awake', async () => !(await asleep()), patienceMs);
  await eventually('every host says why', async () => {
    // The end of a connection may wake it once more, and the other host is told a moment later.
    if (!(await asleep())) await sleep();
    return /napper: asleep\n.*\n.*it is on far, and wakes when/.test(
      (await near.kra('why', 'napper')).stdout,
    );
  });
  assert.equal(await exec('napper', 'hostname'), 'box-napper');
  await sleep();
});

test('what is renamed, removed or lost is not found any more', async () => {
  const finds = async (name: string): Promise<boolean> =>
    /^Name:/m.test(await exec('left', `nslookup -type=a ${name}`));
  await near.ok(['rename', 'right', 'renamed']);
  await eventually('the new name is known', () => finds('renamed'), patienceMs);
  assert.equal(await finds('right'), false);
  await near.ok(['rm', '-f', 'renamed']);
  await eventually('the name is forgotten', async () => !(await finds('renamed')), patienceMs);
  await start('far', 'last', 'exec sleep 100000', '--network', 'front');
  await eventually('it is known', () => finds('last'), patienceMs);
  await far.killDaemon();
  await far.killVmms();
  await eventually('a dead host’s pod is forgotten', async () => !(await finds('last')), patienceMs);
  await far.startDaemon();
});

test('a host tells what encrypts, and why', async () => {
  const kra = join(import.meta.dirname, '../bin/kra');
  const { stdout } = await run(kra, ['--data-dir', near.dir, 'host', 'inspect', 'near']);
  assert.match(stdout, /^tunnel +(kernel|wireguard-go) \(/m);
});

/** Pids and devices of the WireGuards of this test's hosts; none where the kernel does it. */
async function wireguards(): Promise<string[]> {
  const found: string[] = [];
  for (const host of [near, far]) {
    const devices = readFileSync(join(host.dir, 'instance'), 'utf8').trim();
    const prefix = `kw${createHash('sha256').update(devices).digest('hex').slice(0, 6)}`;
    found.push(...(await run('pgrep', ['-af', `wireguard-go -f ${prefix}`])).stdout.trim().split('\n'));
  }
  return found.filter((line) => line !== '');
}
