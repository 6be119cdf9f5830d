import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { newShortId, systemClock, systemRandom } from '@kraud/base';
import { GuestClient } from './client.ts';
import type { GuestLogs } from './logs.ts';
import { AgentProcess, containerOf } from './testing/agent-process.ts';
import { execIn, finish } from './testing/run.ts';
import type { ContainerConfig, LogEntry } from './types.ts';

let agent: AgentProcess;
let guest: GuestClient;
before(async () => {
  agent = await AgentProcess.start();
  guest = await agent.pod({ disks: [{ device: '/', at: 'machine', type: 'bind' }] });
});
after(() => agent[Symbol.asyncDispose]());

async function started(config: ContainerConfig): Promise<string> {
  const name = newShortId();
  await guest.createContainer(name, config);
  await guest.startContainer(name);
  return name;
}

async function entries(logs: GuestLogs, until: (text: string) => boolean = () => false): Promise<LogEntry[]> {
  const all: LogEntry[] = [];
  let seen = '';
  for await (const entry of logs) {
    all.push(entry);
    seen += entry.bytes.toString();
    if (until(seen)) break;
  }
  return all;
}

const textOf = (list: LogEntry[]) => Buffer.concat(list.map((entry) => entry.bytes)).toString();

test('100 MiB of logs while nobody reads: the container waits, the rest goes on, then all is delivered', async () => {
  const sizeBytes = 100 << 20;
  const script = `head -c ${sizeBytes} /dev/zero | tr '\\0' 'x'`;
  const name = await started(containerOf(['sh', '-c', script], { logBufferBytes: 1 << 20 }));
  const status = await waitFor(async () => {
    const now = await guest.container(name);
    return Number(now.logOffset) > 900_000 ? now : undefined;
  });
  assert.equal(status.state, 'running');
  assert.equal((await execIn(guest, name, { args: ['echo', 'still here'] })).stdout, 'still here\n');
  assert.ok(Number((await guest.container(name)).logOffset) < 1.2 * (1 << 20));
  const logs = await guest.logs(name);
  let total = 0n;
  for await (const entry of logs) {
    assert.equal(entry.offset, total);
    total += BigInt(entry.bytes.length);
    logs.ack(total);
  }
  assert.equal(total, BigInt(sizeBytes));
  assert.equal(logs.exit?.code, 0);
  await guest.removeContainer(name);
});

async function waitFor<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await systemClock.sleep(5);
  }
}

test('unacknowledged entries come again to the next connection, acknowledged ones do not', async () => {
  const name = await started(
    containerOf(['sh', '-c', 'for i in 1 2 3 4; do echo line $i; sleep 0.02; done; sleep 1000']),
  );
  const first = await guest.logs(name);
  const before = await entries(first, (seen) => seen.includes('line 4'));
  assert.equal(textOf(before), 'line 1\nline 2\nline 3\nline 4\n');
  const again = await guest.logs(name, 7n);
  assert.equal(textOf(await entries(again, (seen) => seen.includes('line 4'))), 'line 2\nline 3\nline 4\n');
  // In the middle of an entry: only what is missing.
  const part = await guest.logs(name, 10n);
  assert.equal(textOf(await entries(part, (seen) => seen.includes('line 4'))), 'e 2\nline 3\nline 4\n');
  await guest.removeContainer(name);
});

test('a container outlives the connection: its logs, its exit and the agent are there for the next one', async () => {
  const name = await started(containerOf(['sh', '-c', 'read go; echo went on; exit 5'], { stdin: true }));
  const lost = guest.waitContainer(name);
  guest.close();
  await assert.rejects(lost, { code: 'unavailable' });
  guest = await agent.client();
  const info = await guest.info();
  assert.equal(info.pod?.hostname, 'testpod');
  assert.deepEqual(
    info.containers.filter((c) => c.name === name).map((c) => c.state),
    ['running'],
  );
  await guest.writeStdin(name, Readable.from([Buffer.from('go\n')]));
  const logs = await guest.logs(name);
  assert.equal(textOf(await entries(logs)), 'went on\n');
  assert.equal((await guest.waitContainer(name)).code, 5);
  await guest.removeContainer(name);
});

test('a new connection finds its beginning behind the rest of an old one', async () => {
  const raw = await agent.socket();
  raw.write('PRI * HTTP/2.0\r\n\r\nKRAUD/1 not a preface\nKRAUD/1 0123');
  guest = await GuestClient.open(raw, {
    clock: systemClock,
    random: systemRandom,
    attemptTimeoutMs: 100,
    timeoutMs: 5000,
  });
  assert.equal((await guest.info()).agent, 1);
});

test('the first attempt is heard by a guest that takes the old connection for alive', async () => {
  const raw = await agent.socket();
  raw.write(`KRAUD/1 ${'b'.repeat(32)}\n`);
  raw.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  raw.write(Buffer.from('000000040000000000', 'hex'));
  // Its SETTINGS have come: what is sent now begins at a frame's place.
  await new Promise((resolve) => raw.once('readable', resolve));
  guest = await GuestClient.open(raw, {
    clock: systemClock,
    random: systemRandom,
    attemptTimeoutMs: 60_000,
    timeoutMs: 60_000,
  });
  assert.equal((await guest.info()).agent, 1);
});

test('an unfinished frame of an old connection swallows attempts, not the connection', async () => {
  const raw = await agent.socket();
  const nonce = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
  raw.write(`KRAUD/1 ${nonce}\n`);
  // The client preface, SETTINGS, and 200 bytes to come of a PING-sized unknown frame that never come.
  raw.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  raw.write(Buffer.from('000000040000000000' + '0000c8200000000000', 'hex'));
  guest = await GuestClient.open(raw, {
    clock: systemClock,
    random: systemRandom,
    attemptTimeoutMs: 50,
    timeoutMs: 5000,
  });
  assert.equal((await guest.info()).agent, 1);
});

test('stdin: binary, larger than any buffer, then its end', async () => {
  const bytes = systemRandom.bytes(3 << 20);
  const name = await started(containerOf(['sha256sum'], { stdin: true }));
  await guest.writeStdin(name, Readable.from([bytes.subarray(0, 1000), bytes.subarray(1000)]));
  const logs = await guest.logs(name);
  assert.equal(textOf(await entries(logs)).split(' ')[0], createHash('sha256').update(bytes).digest('hex'));
  await guest.removeContainer(name);
});

test('stdin kept open for the next writer, on a terminal too', async () => {
  const name = await started(containerOf(['sh', '-c', 'read a; read b; echo $b$a'], { stdin: true }));
  await guest.writeStdin(name, Readable.from([Buffer.from('1\n')]), { keepOpen: true });
  await guest.writeStdin(name, Readable.from([Buffer.from('2\n')]), { keepOpen: true });
  assert.equal(textOf(await entries(await guest.logs(name))), '21\n');
  await guest.removeContainer(name);
  const tty = await started(
    containerOf(['sh', '-c', 'stty -echo; echo ready; read a; read b; stty size; echo $a $b'], {
      stdin: true,
      tty: true,
    }),
  );
  const logs = await guest.logs(tty);
  const reading = entries(logs);
  await waitFor(async () => (Number((await guest.container(tty)).logOffset) > 0 ? true : undefined));
  await guest.resizeContainer(tty, { rows: 11, cols: 22 });
  await guest.writeStdin(tty, Readable.from([Buffer.from('x\n')]));
  await guest.writeStdin(tty, Readable.from([Buffer.from('y\n')]));
  assert.equal(textOf(await reading), 'ready\r\n11 22\r\nx y\r\n');
  await guest.removeContainer(tty);
});

test('exec: streams, exit code, environment, user, directory', async () => {
  const name = await started(
    containerOf(['sleep', '1000'], { env: ['PATH=/bin', 'A=container', 'B=2'], cwd: '/tmp' }),
  );
  const plain = await execIn(guest, name, {
    args: ['sh', '-c', 'echo $A $B $HOME; pwd; echo err >&2; exit 9'],
    env: ['A=exec'],
  });
  assert.deepEqual([plain.stdout, plain.stderr, plain.exit.code], ['exec 2 /root\n/tmp\n', 'err\n', 9]);
  const ada = await execIn(guest, name, {
    args: ['sh', '-c', 'id -un; echo $HOME; pwd; hostname'],
    user: 'ada',
    cwd: '/data',
  });
  assert.equal(ada.stdout, 'ada\n/home/ada\n/data\ntestpod\n');
  await assert.rejects(guest.exec(name, 'no', { args: ['nosuch'] }), { code: 'not-found', errno: 'ENOENT' });
  await assert.rejects(guest.exec(name, 'no', { args: ['pwd'], cwd: '/nosuch' }), { code: 'not-found' });
  assert.equal((await execIn(guest, name, { args: ['cat', '/proc/1/comm'] })).stdout, 'sleep\n');
  await guest.removeContainer(name);
});

test('exec: half-closed stdin, a terminal, resize, kill', async () => {
  const name = await started(containerOf(['sleep', '1000']));
  const cat = await guest.exec(name, 'cat', { args: ['cat'], stdin: true });
  cat.stdin.end('hi\n');
  assert.deepEqual(await finish(cat), {
    stdout: 'hi\n',
    stderr: '',
    exit: { code: 0, signal: 0, oomKilled: false, error: '' },
  });
  const bytes = systemRandom.bytes(2 << 20);
  const echo = await guest.exec(name, 'echo', { args: ['cat'], stdin: true });
  echo.stdin.end(bytes);
  const back: Buffer[] = [];
  for await (const { bytes: part } of echo) back.push(part);
  assert.equal(Buffer.concat(back).equals(bytes), true);
  const tty = await guest.exec(name, 'tty', {
    args: ['sh', '-c', 'echo $TERM; read x; stty size'],
    tty: true,
    stdin: true,
    rows: 5,
    cols: 6,
  });
  await guest.resizeExec(name, 'tty', { rows: 7, cols: 8 });
  tty.stdin.write('\n');
  assert.match((await finish(tty)).stdout, /^(xterm\r\n\r\n|\r\nxterm\r\n)7 8\r\n$/);
  const sleeping = await guest.exec(name, 'sleep', { args: ['sleep', '1000'] });
  assert.equal((await guest.execStatus(name, 'sleep')).state, 'running');
  await guest.killExec(name, 'sleep', 15);
  assert.deepEqual((await finish(sleeping)).exit, { code: 143, signal: 15, oomKilled: false, error: '' });
  await guest.removeContainer(name);
});

test('exec: detached, and many at once', async () => {
  const name = await started(containerOf(['sleep', '1000']));
  await guest.execDetached(name, 'bg', { args: ['sh', '-c', 'exit 4'] });
  const ended = await waitFor(async () => {
    const status = await guest.execStatus(name, 'bg');
    return status.state === 'exited' ? status : undefined;
  });
  assert.equal(ended.exit?.code, 4);
  const all = await Promise.all(
    Array.from({ length: 40 }, (_, i) => execIn(guest, name, { args: ['echo', String(i)] })),
  );
  assert.deepEqual(
    all.map((result) => result.stdout.trim()),
    Array.from({ length: 40 }, (_, i) => String(i)),
  );
  await guest.removeContainer(name);
});

test('an exec whose reader stands still stalls nothing else, and is complete in the end', async () => {
  const name = await started(containerOf(['sleep', '1000']));
  const slow = await guest.exec(name, 'slow', { args: ['sh', '-c', 'head -c 20000000 /dev/zero'] });
  for (let i = 0; i < 20; i += 1) {
    assert.equal((await execIn(guest, name, { args: ['echo', 'quick'] })).stdout, 'quick\n');
  }
  let total = 0;
  for await (const { bytes } of slow) total += bytes.length;
  assert.equal(total, 20_000_000);
  await guest.removeContainer(name);
});

test('a TCP connection into the pod, half-closed', async () => {
  const name = await started(containerOf(['sh', '-c', 'nc -l -p 8080 -e sh -c "cat; echo end"; sleep 1000']));
  const connection = await waitFor(async () => {
    try {
      return await guest.connect(8080);
    } catch {
      return undefined;
    }
  });
  connection.end('over tcp ');
  assert.equal(await text(connection), 'over tcp end\n');
  await assert.rejects(guest.connect(9), { code: 'unavailable', errno: 'ECONNREFUSED' });
  await guest.removeContainer(name);
});

test('a unix socket in the container that the host serves', async () => {
  const name = newShortId();
  // The image has no client for such sockets: the machine's own perl is brought in.
  const perl = `use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => "/var/run/host.sock") or die "$!";
    $s->print("ask\\n"); $s->shutdown(1); print while <$s>;
    printf "%o\\n", (stat "/var/run/host.sock")[2];`;
  const usr = (below: string, target: string) =>
    ({ type: 'host', source: `machine/usr${below}`, target, readOnly: true }) as const;
  await guest.createContainer(
    name,
    containerOf(['/usr/bin/perl', '-e', perl], {
      mounts: [usr('', '/usr'), usr('/lib', '/lib'), usr('/lib64', '/lib64')],
    }),
  );
  const id = await guest.listenUnix(name, { path: '/var/run/host.sock', mode: 0o660 });
  await guest.startContainer(name);
  const logs = await guest.logs(name);
  const connection = await guest.accept(id);
  connection.write('answer\n');
  connection.end();
  assert.equal(await text(connection), 'ask\n');
  assert.equal(textOf(await entries(logs)), 'answer\n140660\n');
  await guest.removeContainer(name);
  await assert.rejects(guest.accept(id), { code: 'not-found' });
});

test('a file that the host gives: whose it says it is, read-only, and not in the writable layer', async () => {
  const name = newShortId();
  const script =
    'cat /run/secrets/key; stat -c "%u %g %a" /run/secrets/key; echo x > /run/secrets/key || echo no';
  await guest.createContainer(name, containerOf(['sh', '-c', script]));
  const key = { path: '/run/secrets/key', mode: 0o440, uid: 7, gid: 8 };
  const bytes = Buffer.alloc(1_024_000, 'a');
  bytes.write('\n', bytes.length - 1);
  await guest.putFile(name, key, bytes);
  await guest.startContainer(name);
  const logs = await guest.logs(name);
  const said = textOf(await entries(logs));
  assert.ok(said.startsWith(bytes.toString()));
  // What comes by stderr may come before or after the rest.
  const rest = said.slice(bytes.length);
  assert.match(rest, /^7 8 440\n/m);
  assert.match(rest, /Read-only file system\n/);
  assert.match(rest, /^no\n/m);
  await assert.rejects(guest.putFile(name, key, bytes), { code: 'conflict' });
  const { tar } = await guest.readArchive(name, 'upper');
  let tarBytes = 0;
  for await (const chunk of tar) tarBytes += chunk.length;
  assert.ok(tarBytes < 100_000, `${tarBytes}`);
  await guest.removeContainer(name);
});

test('pause and resume', async () => {
  const name = await started(containerOf(['sh', '-c', 'while true; do echo tick; sleep 0.01; done']));
  await guest.pauseContainer(name);
  assert.equal((await guest.container(name)).state, 'paused');
  await assert.rejects(guest.pauseContainer(name), { code: 'unchanged' });
  await assert.rejects(guest.exec(name, 'x', { args: ['true'] }), { code: 'conflict' });
  await guest.resumeContainer(name);
  await guest.killContainer(name, 9);
  assert.equal((await guest.waitContainer(name)).code, 137);
  await guest.removeContainer(name);
});

test('calls sent at once are carried out in order', async () => {
  const name = newShortId();
  const config = containerOf(['sh', '-c', `echo ${'x'.repeat(50_000)} | wc -c`]);
  const [, , logs] = await Promise.all([
    guest.createContainer(name, config),
    guest.startContainer(name),
    guest.logs(name),
  ]);
  const [seen, , gone] = await Promise.all([
    entries(logs),
    guest.waitContainer(name).then(() => guest.removeContainer(name)),
    guest.waitContainer(name).then(() => guest.container(name).catch((error) => error)),
  ]);
  assert.equal(textOf(seen), '50001\n');
  assert.ok(gone);
});

test('a body that is no JSON, or too large, is refused, and the next call works', async () => {
  await assert.rejects(guest.createContainer('big', containerOf(['x'.repeat(2 << 20)])), { code: 'invalid' });
  assert.equal((await guest.info()).agent, 1);
});
