import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { busyboxTar } from '../bench/image.ts';
import { image, TestCloud } from './harness/cloud.ts';
import { eventually, run } from './harness/command.ts';
import { Machines } from './harness/machines.ts';
import { udpEcho } from './harness/udp-echo.ts';

/** Two hosts on two machines: what runs on the one is used through the other. */
const scratch = mkdtempSync(join(tmpdir(), 'kraud-link-'));
const bin = join(import.meta.dirname, '../bin');
let machines: Machines;
let near: TestCloud;
let far: TestCloud;
const patienceMs = 120_000;

before(async () => {
  machines = await Machines.start(2, join(scratch, 'etcd'));
  const daemon = (n: number): TestCloud =>
    new TestCloud({ cradle: { warmMax: 0, uidFirst: 900_000 + n * 100_000 } }, undefined, machines.on(n));
  [near, far] = [daemon(1), daemon(2)];
  near.args = ['--store', machines.store, '--listen', `${machines.ip(1)}:7070`, '--name', 'near'];
  await near.startDaemon();
  const told = await kra(near, 'join-token', '--json');
  const { token } = JSON.parse(told) as { token: string };
  far.args = [
    '--join',
    `${token}@${machines.ip(1)}:7070`,
    '--listen',
    `${machines.ip(2)}:7070`,
    '--name',
    'far',
  ];
  await far.startDaemon();
  const tar = readFileSync(await busyboxTar(scratch));
  await near.ok(['import', '--change', 'CMD ["sh"]', '-', image], { input: tar });
  // All that is made from here on runs on the other host.
  await kra(near, 'cordon', 'near');
});

after(async () => {
  await near?.removeAll().catch(() => {});
  await far?.stop();
  await near?.stop();
  await machines?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

async function kra(at: TestCloud, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(join(bin, 'kra'), ['--data-dir', at.dir, 'host', ...args]);
  assert.equal(code, 0, `kra host ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** How many images a host has. */
const imagesAt = (at: TestCloud): number => readdirSync(join(at.dir, 'images/images')).length;

/** What a server at this port of the near machine answers to the line that it gets. */
async function ask(protocol: 'tcp' | 'udp', port: number, line: string): Promise<string> {
  const script =
    protocol === 'tcp'
      ? `const s = require('node:net').connect({ port: ${port}, host: '127.0.0.1', allowHalfOpen: true });
         s.end('${line}\\n'); s.on('error', () => process.exit(1)); s.pipe(process.stdout);`
      : `const s = require('node:dgram').createSocket('udp4');
         s.on('message', (m) => { process.stdout.write(m); process.exit(0); });
         setInterval(() => s.send('${line}\\n', ${port}, '127.0.0.1'), 200);
         setTimeout(() => process.exit(1), 20000);`;
  const [program = '', ...args] = [...machines.on(1), process.execPath, '-e', script];
  return (await run(program, args)).stdout;
}

test('a container runs on the other host, which fetches the image first', async () => {
  assert.equal(imagesAt(far), 0);
  assert.equal(
    await near.ok(['run', '--name', 'hello', image, 'echo', 'hi'], { timeoutMs: patienceMs }),
    'hi',
  );
  assert.equal(imagesAt(far), 1);
  assert.equal(await near.ok(['logs', 'hello']), 'hi');
  assert.equal(await far.ok(['logs', 'hello']), 'hi');
  assert.equal(await near.ok(['rm', 'hello']), 'hello');
});

test('exec with all its streams, a terminal, exit codes, attach, stdin of any size', async () => {
  await near.sh('cat > /got; sleep 1000', ['--name', 'busy', '-i']);
  assert.equal(await near.ok(['exec', '-i', 'busy', 'cat'], { input: 'hi' }), 'hi');
  assert.equal((await near.docker(['exec', 'busy', 'sh', '-c', 'echo bad >&2; exit 7'])).code, 7);
  assert.equal((await near.docker(['exec', 'busy', 'nope'])).code, 127);
  const line = 'stty rows 30 cols 100; docker exec -it busy sh -c "tty; stty size"';
  const terminal = await run('script', ['-qec', line, '/dev/null'], { env: near.env });
  // `script` tells of the end of its own input by a character, which the terminal echoes where it comes.
  assert.match(terminal.stdout, /^(\^@)?\/dev\/pts\/\d+\r\n/m);
  assert.match(terminal.stdout, /30 100\r\n/);
  const bytes = randomBytes(3_000_000);
  const sum = createHash('sha256').update(bytes).digest('hex');
  const summed = await near.ok(['run', '--rm', '-i', image, 'sha256sum'], {
    input: bytes,
    timeoutMs: patienceMs,
  });
  assert.match(summed, new RegExp(`^${sum}`));
});

test('what is asked about a container, and done to it', async () => {
  assert.match(await near.ok(['top', 'busy']), /sleep 1000|cat/);
  assert.match(
    await near.ok(['stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}', 'busy']),
    /^busy \d+/,
  );
  await near.ok(['exec', 'busy', 'sh', '-c', 'mkdir /made; echo text > /made/file']);
  assert.match(await near.ok(['diff', 'busy']), /^A \/made$/m);
  await near.ok(['cp', 'busy:/made/file', join(scratch, 'out')]);
  assert.equal(readFileSync(join(scratch, 'out'), 'utf8'), 'text\n');
  const bytes = randomBytes(2_000_000);
  writeFileSync(join(scratch, 'in'), bytes);
  await near.ok(['cp', join(scratch, 'in'), 'busy:/made/in']);
  const sum = await near.ok(['exec', 'busy', 'sha256sum', '/made/in']);
  assert.ok(sum.startsWith(createHash('sha256').update(bytes).digest('hex')));
  await near.fails(['cp', 'busy:/nope', join(scratch, 'no')], /Could not find the file \/nope/);
  const exported = await near.docker(['export', 'busy'], { timeoutMs: patienceMs });
  assert.ok(exported.raw.includes('made/file'));
  await near.ok(['update', '--memory', '100m', 'busy']);
  assert.match(await near.ok(['ps', '-s', '--format', '{{.Names}} {{.Size}}']), /^busy \d/m);
});

test('an image made on one host runs on the other, is kept by both, and goes from both', async () => {
  await near.ok(['commit', '--change', 'CMD ["cat", "/made/file"]', 'busy', 'made:1'], {
    timeoutMs: patienceMs,
  });
  await kra(near, 'uncordon', 'near');
  await kra(near, 'cordon', 'far');
  assert.equal(await near.ok(['run', '--rm', 'made:1'], { timeoutMs: patienceMs }), 'text');
  await kra(near, 'uncordon', 'far');
  await kra(near, 'cordon', 'near');
  await near.ok(['import', '-', 'other:1'], { input: readFileSync(join(scratch, 'busybox.tar')) });
  await eventually(
    'all are kept by both',
    async () => [near, far].every((at) => imagesAt(at) === 3),
    patienceMs,
  );
  for (const at of [near, far]) {
    assert.equal((await at.ok(['image', 'ls', '-q'])).split('\n').length, 3);
    assert.match(await at.ok(['history', 'made:1']), /cat/);
    assert.ok((await at.docker(['save', 'made:1'], { timeoutMs: patienceMs })).raw.length > 1_000_000);
  }
  await far.ok(['rmi', 'made:1', 'other:1']);
  await eventually('they are gone', async () => [near, far].every((at) => imagesAt(at) === 1), patienceMs);
});

test('ports of the other host’s containers are open here, for connections and datagrams', async () => {
  const serve = '/echo & while :; do nc -l -p 80 -e sh -c "read line; echo you said \\$line"; done';
  const published = ['-p', '18080:80', '-p', '18081:81/udp'];
  await near.ok(['create', '--name', 'ports', ...published, image, 'sh', '-c', serve]);
  await near.ok(['cp', await udpEcho(scratch), 'ports:/echo'], { timeoutMs: patienceMs });
  await near.ok(['start', 'ports'], { timeoutMs: patienceMs });
  const answer = async (protocol: 'tcp' | 'udp', port: number): Promise<string> =>
    await eventually('an answer', async () => (await ask(protocol, port, 'hello')) || undefined, patienceMs);
  assert.equal(await answer('tcp', 18_080), 'you said hello\n');
  assert.equal(await answer('udp', 18_081), 'hello\n');
  await near.ok(['rm', '-f', 'ports']);
  await eventually('the port is shut', async () => (await ask('tcp', 18_080, 'x')) === '', patienceMs);
});

test('a volume is where its first container runs, and is seen and removed from anywhere', async () => {
  const run = (...args: string[]) =>
    near.ok(['run', '--rm', '-v', 'data:/data', image, ...args], { timeoutMs: patienceMs });
  await run('sh', '-c', 'echo kept > /data/file');
  await kra(near, 'uncordon', 'near');
  assert.equal(await run('cat', '/data/file'), 'kept');
  await kra(near, 'cordon', 'near');
  assert.match(
    await near.ok(['volume', 'inspect', '--format', '{{.Mountpoint}}', 'data']),
    new RegExp(`^${far.dir}/`),
  );
  await near.ok(['volume', 'rm', 'data']);
  assert.equal(await far.ok(['volume', 'ls', '-q']), '');
});

test('a host that dies in the midst of it breaks the calls, not the container', async () => {
  await near.sh('while :; do echo tick; sleep 1; done', ['--name', 'tick']);
  const following = near.docker(['logs', '-f', 'tick'], { timeoutMs: patienceMs });
  const exec = near.docker(['exec', 'tick', 'sleep', '1000'], { timeoutMs: patienceMs });
  const exited = near.docker(['exec', 'tick', 'sh', '-c', 'echo ready; exec sleep 1000'], {
    timeoutMs: patienceMs,
  });
  await eventually(
    'execs run',
    async () => (await near.ok(['top', 'tick'])).split('sleep 1000').length === 3,
    patienceMs,
  );
  await far.killDaemon();
  assert.notEqual((await exec).code, 0);
  assert.match((await exited).stdout, /ready/);
  assert.match((await following).stdout, /tick/);
  await near.fails(['exec', 'tick', 'true'], /far|other host|connect/);
  await far.startDaemon();
  await eventually(
    'it is used as before',
    async () => (await near.docker(['exec', 'tick', 'true'])).code === 0,
    patienceMs,
  );
  assert.match(await near.ok(['logs', '--tail', '1', 'tick']), /tick/);
});
