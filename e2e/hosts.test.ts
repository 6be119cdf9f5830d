import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseToken } from '@kraud/host';
import { busyboxTar } from '../bench/image.ts';
import { TestCloud } from './harness/cloud.ts';
import { eventually, type Result, run } from './harness/command.ts';
import { Machines } from './harness/machines.ts';
import { SecureStore } from './harness/secure-store.ts';
import { TestSwarm } from './harness/swarm.ts';

interface HostView {
  name: string;
  self: boolean;
  state: string;
  address: string | null;
  labels: Record<string, string>;
}

const bin = join(import.meta.dirname, '../bin');
const scratch = mkdtempSync(join(tmpdir(), 'kraud-hosts-'));
let machines: Machines;
let store: SecureStore;
let h1: TestCloud;
let h2: TestCloud;
/** Begins as a cloud of its own. */
let h3: TestCloud;

before(async () => {
  machines = await Machines.start(3, join(scratch, 'etcd'));
  store = await SecureStore.start(machines.store, scratch);
  const daemon = (n: number): TestCloud =>
    new TestCloud({ cradle: { warmMax: 0, uidFirst: 700_000 + n * 100_000 } }, undefined, machines.on(n));
  [h1, h2, h3] = [daemon(1), daemon(2), daemon(3)];
  h1.args = [...store.flags, '--listen', `${machines.ip(1)}:7070`, '--name', 'h1'];
  await h1.startDaemon();
});

after(async () => {
  await h3?.stop();
  await h2?.stop();
  await h1?.stop();
  await store?.stop();
  await machines?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

async function kra(at: TestCloud, ...args: string[]): Promise<Result> {
  return await run(join(bin, 'kra'), ['--data-dir', at.dir, 'host', ...args]);
}

async function told(at: TestCloud, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await kra(at, ...args);
  assert.equal(code, 0, `kra host ${args.join(' ')}: ${stderr}`);
  return stdout;
}

async function refused(at: TestCloud, args: string[], message: RegExp): Promise<void> {
  const { code, stderr } = await kra(at, ...args);
  assert.equal(code, 1, `kra host ${args.join(' ')} should have been refused`);
  assert.match(stderr, message);
}

async function hosts(at: TestCloud): Promise<HostView[]> {
  return JSON.parse(await told(at, 'ls', '--json')) as HostView[];
}

/** A daemon that ends at its start, with these words. */
async function startFails(n: number, args: string[], message: RegExp): Promise<void> {
  const [program = '', ...rest] = [...machines.on(n), join(bin, 'kraudd'), ...args];
  const { code, stderr } = await run(program, rest, { timeoutMs: 120_000 });
  assert.equal(code, 1, `kraudd ${args.join(' ')} should have ended`);
  assert.match(stderr, message);
}

async function token(at = h1): Promise<string> {
  return (JSON.parse(await told(at, 'join-token', '--json')) as { token: string }).token;
}

test('a machine joins with a token, and every host shows both', async () => {
  const text = await told(h1, 'join-token', '--ttl', '1h');
  const [, invitation = ''] = /--join (\S+)/.exec(text) ?? [];
  assert.match(invitation, new RegExp(`^kra-1-[0-9a-f-]+@${machines.ip(1)}:7070$`));
  h2.args = [
    '--join',
    invitation,
    '--listen',
    `${machines.ip(2)}:7070`,
    '--name',
    'h2',
    '--label',
    'kr.zone=b',
  ];
  await h2.startDaemon();
  for (const at of [h1, h2]) {
    const seen = await eventually('both are ready', async () => {
      const all = await hosts(at);
      return all.length === 2 && all.every(({ state }) => state === 'ready') && all;
    });
    assert.deepEqual(
      seen.map(({ name, self, address }) => ({ name, self, address })),
      [
        { name: 'h1', self: at === h1, address: `${machines.ip(1)}:7070` },
        { name: 'h2', self: at === h2, address: `${machines.ip(2)}:7070` },
      ],
    );
    assert.equal(seen[1]?.labels['kr.zone'], 'b');
  }
  assert.match(await told(h2, 'ls'), /^NAME +STATE .*\nh1 .*\nh2 \* /);
  for (const file of ['key.pem', 'host.json']) {
    assert.equal(statSync(join(h2.dir, 'identity', file)).mode & 0o777, 0o600);
  }
});

test('labels, cordon, drain and back, told to any host', async () => {
  await told(h2, 'label', 'h1', 'kr.zone=a', 'disk=ssd');
  await told(h1, 'label', 'h1', 'disk-');
  assert.deepEqual((await hosts(h1))[0]?.labels, { 'kr.zone': 'a' });
  const states = async (): Promise<string[]> => (await hosts(h1)).map(({ state }) => state);
  await told(h2, 'cordon', 'h1');
  await eventually('it is seen', async () => (await states()).join() === 'cordoned,ready');
  await told(h1, 'drain', 'h2');
  await eventually('it is seen', async () => (await states()).join() === 'cordoned,drained');
  assert.match(await told(h1, 'inspect', 'h2'), /state +drained\n/);
  await told(h1, 'uncordon', 'h1', 'h2');
  await eventually('it is seen', async () => (await states()).join() === 'ready,ready');
  await refused(h1, ['cordon', 'h9'], /no host h9; see the hosts with: kra host ls/);
  await refused(h1, ['label', 'h1', 'kr.host=x'], /a fact that the cloud states itself/);
});

test('a host that was ended is not ready, and comes back without any flag', async () => {
  await h2.stopDaemon();
  await eventually('it is not ready', async () => (await hosts(h1))[1]?.state === 'not ready');
  const [old, root] = [await told(h1, 'ca'), await told(h1, 'ca', '--rotate')];
  assert.notEqual(root, old, 'it waits for nobody who is away');
  h2.args = [];
  await h2.startDaemon();
  await eventually('it is ready', async () => (await hosts(h1))[1]?.state === 'ready');
  const { hosts: followed } = JSON.parse(await told(h2, 'ca', '--json')) as { hosts: { state: string }[] };
  assert.deepEqual(
    followed.map(({ state }) => state),
    ['done', 'done'],
  );
  assert.equal((await hosts(h2))[1]?.labels['kr.zone'], 'b');
});

test('what can’t join is refused by name', async () => {
  const listen = ['--listen', `${machines.ip(2)}:7071`];
  const dir = (name: string): string[] => ['--data-dir', join(scratch, name)];
  const at = `${machines.ip(1)}:7070`;
  const good = await token();
  await startFails(2, [...dir('a'), '--join', `${good}@${at}`], /--join needs --listen/);
  await startFails(2, [...dir('a'), '--join', good, ...listen], /--join must be TOKEN@ADDRESS:PORT/);
  await startFails(2, [...dir('a'), ...listen], /--listen needs a store that several hosts share/);
  await startFails(
    2,
    [...dir('a'), '--join', `${good}@${at}`, ...listen, '--name', 'h1'],
    /a host named h1 belongs to this cloud already; choose another --name/,
  );
  const wrong = `${good.slice(0, -4)}0000`;
  await startFails(
    2,
    [...dir('a'), '--join', `${wrong}@${at}`, ...listen],
    /a valid join token is necessary/i,
  );
  await told(h1, 'join-token', '--rotate');
  await startFails(
    2,
    [...dir('a'), '--join', `${good}@${at}`, ...listen],
    /a valid join token is necessary/i,
  );
  const elsewhere = `kra-1-${'0'.repeat(64)}${good.slice(70)}`;
  await startFails(
    2,
    [...dir('a'), '--join', `${elsewhere}@${at}`, ...listen],
    /is not of the cloud that made this join token; nothing was sent/,
  );
  await h2.stopDaemon();
  await startFails(
    2,
    ['--data-dir', h2.dir, '--join', `${elsewhere}@${at}`],
    /is that of the host h2 of another cloud; join with an empty --data-dir/,
  );
  await startFails(2, ['--data-dir', h2.dir, '--name', 'h3'], /is that of the host h2; it can’t be named h3/);
  await h2.startDaemon();
});

test('a host that was removed ends, is told why at its next start, and may join anew', async () => {
  await refused(h1, ['rm', 'h1'], /h1 is the host that you ask; ask another one/);
  await eventually('it is ready', async () => (await hosts(h1))[1]?.state === 'ready');
  await refused(h1, ['rm', 'h2'], /the host h2 is ready; drain it .* or use --force/);
  const { pid } = h2;
  await told(h1, 'rm', '--force', 'h2');
  assert.deepEqual(
    (await hosts(h1)).map(({ name }) => name),
    ['h1'],
  );
  await eventually('its daemon has ended', async () => !(await lives(pid)), 120_000);
  await startFails(2, ['--data-dir', h2.dir], /the host h2 was removed from its cloud; to let it join anew/);
  rmSync(join(h2.dir, 'identity'), { recursive: true });
  const invitation = `${await token()}@${machines.ip(1)}:7070`;
  h2.args = ['--join', invitation, '--listen', `${machines.ip(2)}:7070`, '--name', 'h2'];
  await h2.startDaemon();
  await eventually('it is back', async () => (await hosts(h1))[1]?.state === 'ready');
});

/** What `docker swarm join` is to be told, as `docker swarm init` prints it. */
let joining: string[];

test('a cloud of one has to give up what it has before it joins another', async () => {
  h3.args = ['--name', 'h3'];
  await h3.startDaemon();
  await h3.ok(['import', '-', 'mine'], { input: readFileSync(await busyboxTar(h3.dir)) });
  const told = await h1.ok(['swarm', 'init']);
  joining = /swarm join --token \S+ \S+/.exec(told)?.[0].split(' ') ?? [];
  assert.equal(joining.at(-1), `${machines.ip(1)}:7070`);
  const [, , , token = '', at = ''] = joining;
  await h3.ok(['volume', 'create', 'data']);
  await h3.fails(joining, /things of its own that can’t come along: 1 volume: data\. Remove them/);
  await h3.ok(['volume', 'rm', 'data']);
  const join = (wrong: string, address = at): string[] => ['swarm', 'join', '--token', wrong, address];
  await h3.fails(join('foobaz'), /invalid join token/);
  await h3.fails(join(`${token.slice(0, -4)}0000`), /A valid join token is necessary to join this cluster/);
  const elsewhere = `kra-1-${'0'.repeat(64)}${token.slice(70)}`;
  await h3.fails(join(elsewhere), /remote CA does not match fingerprint/);
  await h3.fails(join(token, `${machines.ip(1)}:1`), /can’t be reached: .*ECONNREFUSED/);
  await h3.fails(['swarm', 'leave'], /not part of a swarm/);
  assert.equal(await h3.ok(['images', '--format', '{{.Repository}}']), 'mine');
});

test('docker swarm join: whoever dies on the way is one or the other, and in the end it is in', async () => {
  for (const afterMs of [150, 900]) {
    const client = h3.docker(joining);
    // Not a time that anything must keep to: wherever it comes, what follows must hold.
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await h3.killDaemon();
    await client;
    await h3.startDaemon();
    if ((await swarmState(h3)) === 'active false') break;
  }
  if ((await swarmState(h3)) === 'inactive false') {
    assert.match(await h3.ok(joining), /This node joined a swarm as a worker/);
  }
  assert.equal(await swarmState(h3), 'active false');
  await h3.fails(joining, /already part of a swarm\. Use "docker swarm leave"/);
  for (const at of [h1, h3]) {
    await eventually('all are there', async () => (await nodes(at)).join() === 'h1 Ready,h2 Ready,h3 Ready');
  }
  assert.equal(await h1.ok(['images', '--format', '{{.Repository}}']), 'mine');
  const before = await h3.ok(['swarm', 'ca']);
  await h1.ok(['swarm', 'ca', '--rotate', '--quiet', '--cert-expiry', '48h']);
  const root = await h1.ok(['swarm', 'ca']);
  assert.match(root, /^-----BEGIN CERTIFICATE-----/);
  assert.notEqual(root, before);
  assert.equal(await h3.ok(['swarm', 'ca']), root);
  const lives = (await h3.ok(['info', '--format', '{{.Swarm.Cluster.Spec.CAConfig.NodeCertExpiry}}'])).trim();
  assert.equal(lives, '48h0m0s');
  const { authority } = parseToken(joining[3] ?? '');
  assert.notEqual(
    parseToken((await h3.ok(['swarm', 'join-token', '-q', 'worker'])).trim()).authority,
    authority,
  );
  assert.match(await h1.ok(['node', 'promote', 'h3']), /promoted to a manager/);
  await eventually('it knows', async () => (await swarmState(h3)) === 'active true');
  assert.match(await h3.ok(['node', 'demote', 'h3']), /demoted in the swarm/);
  await eventually('it knows', async () => (await swarmState(h3)) === 'active false');
  await h1.fails(['node', 'rm', 'h3'], /is not down and can't be removed/);
});

test('docker swarm leave: its tasks move first, and it is a cloud of its own again', async () => {
  const swarm = TestSwarm.of(h1);
  const make = ['service', 'create', '-d', '--name', 'moves', '--stop-grace-period', '1s'];
  await h1.ok(['node', 'update', '--availability', 'pause', 'h1']);
  await h1.ok(['node', 'update', '--availability', 'pause', 'h2']);
  await h1.ok([...make, 'mine', 'sleep', '1000']);
  await swarm.runs('moves', 1);
  assert.equal(await h3.ok(['swarm', 'leave'], { timeoutMs: 120_000 }), 'Node left the swarm.');
  assert.equal(await swarmState(h3), 'inactive false');
  assert.equal(await h3.ok(['images', '--format', '{{.Repository}}']), 'mine');
  assert.equal(await h3.ok(['ps', '-aq']), '');
  await eventually('it is away', async () => (await nodes(h1)).includes('h3 Down'));
  await swarm.reach('moves', 'Pending');
  await h1.ok(['service', 'rm', 'moves'], { timeoutMs: 120_000 });
  await h1.ok(['node', 'rm', 'h3']);
  const asManager = (await h1.ok(['swarm', 'join-token', 'manager'])).match(/swarm join .*/)?.[0] ?? '';
  assert.match(await h3.ok(asManager.split(' ')), /This node joined a swarm as a manager/);
  await h3.fails(['swarm', 'leave'], /participating as a manager\. Use `--force`/);
  await h3.ok(['swarm', 'leave', '--force']);
  assert.equal(await swarmState(h3), 'inactive false');
});

const swarmState = (at: TestCloud): Promise<string> =>
  at.ok(['info', '--format', '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}']);

const nodes = async (at: TestCloud): Promise<string[]> =>
  (await at.ok(['node', 'ls', '--format', '{{.Hostname}} {{.Status}}'])).split('\n').sort();

async function lives(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
