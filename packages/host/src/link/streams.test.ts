import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { test } from 'node:test';
import { KraudError } from '@kraud/base';
import { hostPorts } from '../api/ports.ts';
import { ExecFailure } from '../pods/exec-failure.ts';
import { LinkPair } from './testing/link-pair.ts';
import { EchoExec, scriptedHost } from './testing/scripted-host.ts';

const spec = {
  args: ['cat'],
  env: [],
  cwd: '',
  user: '',
  tty: false,
  stdin: true,
  privileged: false,
};
const never = new AbortController().signal;
const allBytes = 32 * 1024 * 1024;

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('an exec: bytes both ways, the size of its terminal, the end of its input, its exit', async () => {
  const exec = new EchoExec();
  await using pair = await LinkPair.open(scriptedHost({ exec: async () => exec }));
  const session = await pair.far.exec('u', 'main', spec);
  assert.equal(session.pid, 42);
  await session.resize({ rows: 10, cols: 20 });
  assert.deepEqual(exec.resized, [{ rows: 10, cols: 20 }]);
  const bytes = Buffer.alloc(3_000_000, 'kraud');
  session.stdin.end(bytes);
  const pieces: Buffer[] = [];
  for await (const { data } of session.output()) pieces.push(data);
  assert.ok(Buffer.concat(pieces).equals(bytes));
  assert.deepEqual(await session.exit, { code: 7 });
});

test('an exec that is left goes on, and its host lets go of the streams', async () => {
  const exec = new EchoExec();
  await using pair = await LinkPair.open(scriptedHost({ exec: async () => exec }));
  const session = await pair.far.exec('u', 'main', spec);
  session.detach();
  await exec.detached;
  await assert.rejects(session.exit, { code: 'unavailable' });
});

test('a program that cannot be run keeps the exit code of that', async () => {
  const failure = new ExecFailure(127, 'exec: "x": not found', undefined);
  await using pair = await LinkPair.open(scriptedHost({ exec: () => Promise.reject(failure) }));
  await assert.rejects(pair.far.exec('u', 'main', spec), (error) => {
    assert.ok(error instanceof ExecFailure);
    assert.deepEqual([error.code, error.exitCode, error.message], ['invalid', 127, failure.message]);
    return true;
  });
});

test('what nobody reads stops its source, and the other calls go on', async () => {
  let sentBytes = 0;
  const tar = new Readable({
    read() {
      sentBytes += 65_536;
      this.push(sentBytes > allBytes ? null : Buffer.alloc(65_536));
    },
  });
  const host = scriptedHost({
    export: async () => tar,
    size: async () => ({ writableBytes: 1, rootBytes: 2 }),
  });
  await using pair = await LinkPair.open(host);
  const slow = await pair.far.export('u', 'main', never);
  assert.deepEqual(await pair.far.size('u', 'main'), { writableBytes: 1, rootBytes: 2 });
  let before = -1;
  while (before !== sentBytes) {
    before = sentBytes;
    for (let calls = 0; calls < 20; calls += 1) await pair.far.size('u', 'main');
  }
  assert.ok(sentBytes < allBytes / 4, `${sentBytes} bytes were taken though nobody reads`);
  assert.equal((await buffer(slow)).length, allBytes);
});

test('whoever aborts, or stops reading, stops the work on the other host', async () => {
  const signals: AbortSignal[] = [];
  const tars: Readable[] = [];
  const host = scriptedHost({
    export: async (_uid, _container, signal) => {
      signals.push(signal);
      const tar = new PassThrough();
      tar.write('x');
      tars.push(tar);
      return tar;
    },
    images: {
      pull: (_reference, { progress, signal }) => {
        progress({ status: 'Pulling' });
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    },
  });
  await using pair = await LinkPair.open(host);
  const abort = new AbortController();
  const first = await pair.far.export('u', 'main', abort.signal);
  const reading = text(first);
  abort.abort();
  await assert.rejects(reading, { name: 'AbortError' });
  const second = await pair.far.export('u', 'main', never);
  second.destroy();
  await until(() => signals.length === 2 && signals.every(({ aborted }) => aborted));
  await until(() => tars.every(({ destroyed }) => destroyed));
  const stop = new AbortController();
  const pulling = pair.far.images.pull('app', { progress: () => stop.abort(), signal: stop.signal });
  await assert.rejects(pulling, { name: 'AbortError' });
});

test('images: progress, archives in and out, a refusal in the midst of an upload', async () => {
  const id = `sha256:${'b'.repeat(64)}`;
  const host = scriptedHost({
    images: {
      pull: async (reference, { progress, auth }) => {
        progress({ status: `Pulling ${reference} as ${auth?.username}` });
        return { id, digest: id, alreadyPresent: false };
      },
      load: async (tar, { progress }) => {
        progress({ stream: await text(tar) });
        return [{ id, names: ['a:1'] }];
      },
      import: async (tar) => {
        for await (const _ of tar) throw new KraudError('corrupt', 'not a tar');
        return id;
      },
      save: async (images) => Readable.from([Buffer.from(JSON.stringify(images))]),
      push: () => Promise.reject(new KraudError('unauthenticated', 'log in first')),
    },
  });
  await using pair = await LinkPair.open(host);
  const { images } = pair.far;
  const said: unknown[] = [];
  const options = { progress: (message: unknown) => said.push(message), signal: never };
  const auth = { username: 'me', password: 'secret' };
  assert.deepEqual(await images.pull('app', { ...options, auth }), { id, digest: id, alreadyPresent: false });
  assert.deepEqual(await images.load(Readable.from([Buffer.from('tar')]), options), [{ id, names: ['a:1'] }]);
  assert.deepEqual(said, [{ status: 'Pulling app as me' }, { stream: 'tar' }]);
  const endless = new Readable({
    read() {
      this.push(Buffer.alloc(65_536));
    },
  });
  const importing = { changes: [], message: '', signal: never };
  await assert.rejects(images.import(endless, importing), { code: 'corrupt', message: 'not a tar' });
  assert.ok(endless.destroyed);
  assert.equal(
    await text(await images.save([{ id, names: [] }], never)),
    JSON.stringify([{ id, names: [] }]),
  );
  await assert.rejects(images.push(id, 'a:1', options), { code: 'unauthenticated', message: 'log in first' });
});

test('a connection into a pod: each direction ends by itself, a break breaks both', async () => {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    let asked = '';
    socket.on('data', (data) => {
      asked += data.toString();
    });
    socket.on('end', () => socket.end(`you said ${asked}`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const ports = hostPorts(() => '127.0.0.1', 30_000);
  await using pair = await LinkPair.open(scriptedHost({ ports }));
  const connection = await pair.far.ports.connect('u', port, never);
  connection.end('hello');
  assert.equal(await text(connection), 'you said hello');
  const broken = await pair.far.ports.connect('u', port, never);
  await until(() => sockets.length === 2);
  broken.destroy();
  await until(() => sockets[1]?.destroyed === true);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  await assert.rejects(pair.far.ports.connect('u', port, never), { code: 'unavailable' });
});

test('a host that goes in the midst of calls is unavailable, and the next call finds it again', async () => {
  const exec = new EchoExec();
  const host = scriptedHost({
    exec: async () => exec,
    output: async (_uid, _container, _query, signal) =>
      (async function* () {
        yield { stream: 'stdout' as const, timeNs: 1n, data: Buffer.from('x') };
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      })(),
    size: async () => ({ writableBytes: 0, rootBytes: 0 }),
  });
  await using pair = await LinkPair.open(host);
  const session = await pair.far.exec('u', 'main', spec);
  const query = { stdout: true, stderr: true, from: 'start', follow: 'run' } as const;
  const entries = await pair.far.output('u', 'main', query, never);
  const reading = (async () => {
    for await (const _ of entries) pair.cut();
  })();
  await assert.rejects(reading, { code: 'unavailable' });
  await assert.rejects(session.exit, { code: 'unavailable' });
  await exec.detached;
  await until(() => pair.lost);
  await pair.far.size('u', 'main');
});

test('a host that says nothing any more is unavailable after a while', async () => {
  const host = scriptedHost({ size: () => new Promise(() => {}) });
  await using pair = await LinkPair.open(host, { pingIntervalMs: 10, pingTimeoutMs: 1000 });
  await assert.rejects(pair.far.facts(), { code: 'unsupported' });
  const asked = pair.far.size('u', 'main');
  pair.mute();
  await assert.rejects(asked, { code: 'unavailable' });
});

test('what is no message, no call or no argument is refused by name', async () => {
  await using pair = await LinkPair.open(scriptedHost({}));
  await assert.rejects(pair.far.kill('u'.repeat(1000), 'main', 9), { code: 'corrupt', message: /0/ });
  await assert.rejects(pair.far.images.facts('not an id'), { code: 'corrupt' });
  assert.match(await pair.raw('nonsense', Buffer.from('{}')), /"unsupported".*the call nonsense/);
  assert.match(await pair.raw('facts', Buffer.from([99, 0, 0, 0, 0])), /"corrupt".*no message/);
  assert.match(await pair.raw('facts', Buffer.from([0, 0, 0, 0, 1, 0x7b])), /"corrupt".*not JSON/);
});
