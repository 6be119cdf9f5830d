import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { image, TestCloud } from './harness/cloud.ts';
import { eventually } from './harness/command.ts';

let cloud: TestCloud;
let box: string;
before(async () => {
  cloud = await TestCloud.start();
  box = await cloud.sh('sleep 100000', ['--name', 'box', '-e', 'A=container']);
});
after(() => cloud.stop());

test('exec: streams, exit codes, environment, user, directory', async () => {
  const result = await cloud.docker([
    'exec',
    '-e',
    'B=exec',
    '-u',
    '5',
    '-w',
    '/etc',
    'box',
    'sh',
    '-c',
    'echo $A $B $(id -u) $(pwd); echo err >&2; exit 7',
  ]);
  assert.deepEqual([result.code, result.stdout, result.stderr], [7, 'container exec 5 /etc\n', 'err\n']);
});

test('exec: what can’t be run is told in the stream, with the exit codes of dockerd', async () => {
  const oci = 'OCI runtime exec failed: exec failed: unable to start container process: ';
  for (const [args, code, message] of [
    [['box', 'nosuch'], 127, `${oci}exec: "nosuch": executable file not found in $PATH: unknown`],
    [['box', '/bin'], 126, `${oci}exec: "/bin": permission denied: unknown`],
    [
      ['-w', '/nodir', 'box', 'true'],
      127,
      `${oci}chdir to cwd ("/nodir") set in config.json failed: no such file or directory: unknown`,
    ],
    [['-u', 'no', 'box', 'true'], 126, 'unable to find user no: no matching entries in passwd file'],
  ] as const) {
    const result = await cloud.docker(['exec', ...args]);
    assert.deepEqual([result.code, result.stdout], [code, `${message}\r\n`]);
  }
  await cloud.fails(['exec', '-d', 'box', 'nosuch'], /executable file not found/, 1);
});

test('exec: the end of stdin ends it', async () => {
  assert.equal((await cloud.docker(['exec', '-i', 'box', 'cat'], { input: 'hi\n' })).stdout, 'hi\n');
  const big = 'y'.repeat(3_000_000);
  assert.equal(
    (await cloud.docker(['exec', '-i', 'box', 'wc', '-c'], { input: big })).stdout.trim(),
    String(big.length),
  );
});

test('exec: a terminal, detached, and on a container that isn’t running', async () => {
  assert.equal((await cloud.ok(['exec', '-t', 'box', 'sh', '-c', 'test -t 0 && echo tty'])).trim(), 'tty');
  await cloud.ok(['exec', '-d', 'box', 'sh', '-c', 'echo done > /detached']);
  await eventually(
    'it ran',
    async () => (await cloud.docker(['exec', 'box', 'cat', '/detached'])).stdout === 'done\n',
  );
  const stopped = await cloud.ok(['create', image, 'true']);
  await cloud.fails(['exec', stopped, 'true'], /is not running/);
  await cloud.ok(['rm', stopped]);
});

test('logs: tail, since, until, timestamps, follow', async () => {
  const id = await cloud.sh('for i in 1 2 3; do echo line $i; done; echo err >&2; sleep 0.5; echo last');
  const followed = await cloud.docker(['logs', '-f', id]);
  assert.equal(followed.stdout, 'line 1\nline 2\nline 3\nlast\n');
  assert.equal(followed.stderr, 'err\n');
  assert.equal((await cloud.docker(['logs', '--tail', '1', id])).stdout, 'last\n');
  assert.equal((await cloud.docker(['logs', '--tail', '0', id])).stdout, '');
  const stamped = (await cloud.docker(['logs', '-t', id])).stdout.trim().split('\n');
  assert.match(stamped[0] ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z line 1$/);
  const lastAt = stamped.at(-1)?.split(' ')[0] ?? '';
  assert.equal((await cloud.docker(['logs', '--since', lastAt, id])).stdout, 'last\n');
  assert.equal((await cloud.docker(['logs', '--until', '2001-01-01T00:00:00Z', id])).stdout, '');
  await cloud.ok(['rm', id]);
});

test('attach: output from now on, input to the program', async () => {
  const id = await cloud.ok([
    'create',
    '-i',
    image,
    'sh',
    '-c',
    'while read line; do echo got $line; done; echo end',
  ]);
  await cloud.ok(['start', id]);
  const result = await cloud.docker(['attach', id], { input: 'one\ntwo\n' });
  assert.equal(result.stdout, 'got one\ngot two\nend\n');
  await cloud.ok(['rm', id]);
});

test('attach: logs=1 on a container that is still to start shows what comes', async () => {
  const id = await cloud.ok(['create', image, 'echo', 'hi']);
  const { rest, socket } = await raw(
    post(
      `/containers/${id}/attach?logs=1&stream=1&stdout=1`,
      undefined,
      'Connection: Upgrade\r\nUpgrade: tcp\r\n',
    ),
  );
  const ended = new Promise((resolve) => socket.once('end', resolve));
  await cloud.ok(['start', id]);
  await ended;
  socket.end();
  assert.equal(rest(), '\x01\0\0\0\0\0\0\x03hi\n');
  await cloud.ok(['wait', id]);
  await cloud.ok(['rm', id]);
});

/** Speaks HTTP by hand, as no client library would. */
async function raw(request: string): Promise<{ socket: Socket; head: string; rest: () => string }> {
  const socket = connect({ path: cloud.socket, allowHalfOpen: true });
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.write(request);
  await eventually('the head is there', async () => text.includes('\r\n\r\n'));
  const end = text.indexOf('\r\n\r\n');
  return { socket, head: text.slice(0, end), rest: () => text.slice(end + 4) };
}

const post = (path: string, body: unknown, headers = ''): string => {
  const text = body === undefined ? '' : JSON.stringify(body);
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n${headers}\r\n${text}`;
};

async function execId(cmd: string[]): Promise<string> {
  const exec = await cloud
    .dockerode()
    .getContainer('box')
    .exec({ Cmd: cmd, AttachStdin: true, AttachStdout: true, AttachStderr: true });
  return exec.id;
}

for (const [form, headers, status] of [
  ['upgraded', 'Connection: Upgrade\r\nUpgrade: tcp\r\n', 'HTTP/1.1 101'],
  ['old', '', 'HTTP/1.1 200'],
] as const) {
  test(`exec over the ${form} form: frames out, half-close in`, async () => {
    const id = await execId(['sh', '-c', 'cat; echo over >&2']);
    const { socket, head, rest } = await raw(
      post(`/v1.41/exec/${id}/start`, { Detach: false, Tty: false }, headers),
    );
    assert.ok(head.startsWith(status), head);
    assert.match(head, /application\/vnd\.docker\.raw-stream/);
    socket.end('in');
    await new Promise((resolve) => socket.once('end', resolve));
    assert.equal(rest(), '\x01\0\0\0\0\0\0\x02in\x02\0\0\0\0\0\0\x05over\n');
  });
}

test('a client that goes away mid-attach harms nobody', async () => {
  const id = await cloud.sh('while :; do echo tick; sleep 0.05; done');
  const { socket } = await raw(
    post(`/containers/${id}/attach?stream=1&stdout=1`, undefined, 'Connection: Upgrade\r\nUpgrade: tcp\r\n'),
  );
  socket.destroy();
  const before = (await cloud.ok(['logs', id])).length;
  await eventually('it goes on', async () => (await cloud.ok(['logs', id])).length > before);
  await cloud.ok(['rm', '-f', id]);
});

test('100 MB of output that nobody reads costs no memory', async () => {
  const rss = async (): Promise<number> => {
    const { readFileSync } = await import('node:fs');
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${cloud.pid}/status`, 'utf8'))?.[1]) / 1024;
  };
  const before = await rss();
  const id = await cloud.sh('dd if=/dev/zero bs=1M count=100 2>/dev/null | tr "\\0" x', [
    '--log-opt',
    'max-size=10m',
  ]);
  await cloud.ok(['wait', id], { timeoutMs: 300_000 });
  assert.equal(await cloud.inspect(id, '{{.State.ExitCode}}'), 0);
  assert.ok((await rss()) - before < 200, 'the daemon’s memory grew by less than 200 MiB');
  await cloud.ok(['rm', id]);
});

test('cp in and out, of a running container and of a stopped one', async () => {
  const { existsSync, writeFileSync, readFileSync, mkdirSync } = await import('node:fs');
  writeFileSync(`${cloud.dir}/file`, 'content');
  mkdirSync(`${cloud.dir}/tree/sub`, { recursive: true });
  writeFileSync(`${cloud.dir}/tree/sub/leaf`, 'leaf');
  await cloud.ok(['cp', `${cloud.dir}/file`, 'box:/etc/copied']);
  assert.equal(await cloud.ok(['exec', 'box', 'cat', '/etc/copied']), 'content');
  await cloud.ok(['cp', `${cloud.dir}/tree`, 'box:/tree']);
  await cloud.ok(['cp', 'box:/tree/sub/leaf', `${cloud.dir}/back`]);
  assert.equal(readFileSync(`${cloud.dir}/back`, 'utf8'), 'leaf');
  await cloud.ok(['cp', 'box:/', `${cloud.dir}/all`]);
  assert.ok(existsSync(`${cloud.dir}/all/etc/copied`) && !existsSync(`${cloud.dir}/all/proc/1`));
  await cloud.fails(['cp', 'box:/nosuch', `${cloud.dir}/x`], /Could not find the file|No such/);
  const stopped = await cloud.ok(['create', image, 'cat', '/in']);
  await cloud.ok(['cp', `${cloud.dir}/file`, `${stopped}:/in`]);
  assert.equal(await cloud.ok(['start', '-a', stopped]), 'content');
  await cloud.ok(['rm', stopped]);
});

test('diff, top, stats, export', async () => {
  const id = await cloud.sh('echo x > /added; rm /bin/yes; sleep 1000');
  await eventually(
    'diff shows it',
    async () =>
      /^A \/added$/m.test(await cloud.ok(['diff', id])) &&
      /^D \/bin\/yes$/m.test(await cloud.ok(['diff', id])),
  );
  assert.match(await cloud.ok(['top', id]), /sleep 1000/);
  const stats = await cloud.ok(['stats', '--no-stream', '--format', '{{.Name}} {{.MemUsage}} {{.PIDs}}', id]);
  assert.match(stats, /[1-9].*iB \/ .*iB [1-9]/);
  const { raw } = await cloud.docker(['export', id]);
  assert.ok(raw.length > 100_000 && raw.includes('added'));
  await cloud.ok(['rm', '-f', id]);
});

test('wait and events tell of the end', async () => {
  const since = Math.floor(Date.now() / 1000);
  const id = await cloud.sh('exit 9');
  assert.equal(await cloud.ok(['wait', id]), '9');
  await cloud.ok(['rm', id]);
  const events = await cloud.ok([
    'events',
    '--since',
    String(since),
    '--until',
    String(Math.floor(Date.now() / 1000) + 1),
    '--filter',
    `container=${id}`,
    '--format',
    '{{.Action}}',
  ]);
  const actions = events.split('\n');
  for (const action of ['create', 'start', 'die', 'destroy'])
    assert.ok(actions.includes(action), `${action} in ${actions}`);
});

test('the box still runs', async () => {
  assert.equal(await cloud.inspect(box, '{{json .State.Running}}'), true);
});
