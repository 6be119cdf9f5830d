import assert from 'node:assert/strict';
import type { ServerHttp2Stream } from 'node:http2';
import { test } from 'node:test';
import { KraudError, SeededRandom } from '@kraud/base';
import type { GuestClient } from './client.ts';
import { encodeFrame } from './frames.ts';
import { encodeLogEntry } from './log-frames.ts';
import { HostileAgent } from './testing/hostile-agent.ts';

const reply = (stream: ServerHttp2Stream, body: string | Buffer, headers = {}): void => {
  stream.respond({ ':status': 200, ...headers });
  stream.end(body);
};

const exit = { code: 0, signal: 0, oomKilled: false, error: '' };
const status = {
  name: 'main',
  state: 'exited',
  pid: 1,
  startedAtNs: '1',
  finishedAtNs: '2',
  exit,
  logOffset: '0',
};

const calls: Readonly<Record<string, (guest: GuestClient) => Promise<unknown>>> = {
  info: (guest) => guest.info(),
  start: (guest) => guest.startContainer('main'),
  state: (guest) => guest.container('main'),
  wait: (guest) => guest.waitContainer('main'),
  detached: (guest) => guest.execDetached('main', 'e', { args: ['x'] }),
  'exec status': (guest) => guest.execStatus('main', 'e'),
  stats: (guest) => guest.stats('main'),
  top: (guest) => guest.processes('main'),
  changes: (guest) => guest.changes('main'),
  socket: (guest) => guest.listenUnix('main', { path: '/s' }),
};

const rubbish: readonly unknown[] = [
  null,
  0,
  'x',
  [],
  {},
  { containers: {} },
  { agent: 1, kernel: 'k', containers: [{ ...status, startedAtNs: 'soon' }] },
  { agent: 1, kernel: 'k', containers: [{ ...status, exit: { ...exit, code: 2 ** 40 } }] },
  { agent: 1, kernel: 'k', containers: [{ ...status, state: 'levitating' }] },
  { pid: '1', startedAtNs: '1' },
  { pid: -1, startedAtNs: '-1' },
  { pid: 1e99 },
  { ...exit, code: '137' },
  { ...exit, signal: 1e6 },
  { ...exit, error: 'x'.repeat(100_000) },
  { processes: [{ pid: 1 }] },
  { changes: [{ path: '/x', kind: 7 }] },
  { changes: 'many' },
  { id: { toString: 1 } },
  { cpuNs: -5, net: 'fast' },
];

test('what is no answer is corrupt, whichever was asked for', async () => {
  let body = '';
  const { agent, guest } = await HostileAgent.open((stream) => reply(stream, body));
  await using _ = agent;
  for (const [name, call] of Object.entries(calls)) {
    for (const value of [...rubbish.map((one) => JSON.stringify(one)), '', '{', '\0', 'x'.repeat(1000)]) {
      body = value;
      await assert.rejects(call(guest), { code: 'corrupt' }, `${name}: ${value.slice(0, 100)}`);
    }
  }
  body = JSON.stringify({ pid: 1, startedAtNs: '9'.repeat(19) });
  await assert.rejects(guest.startContainer('main'), { code: 'corrupt' });
  guest.close();
});

test('a header that is none is corrupt', async () => {
  let stat = '';
  const { agent, guest } = await HostileAgent.open((stream) =>
    reply(stream, '', { 'x-kraud-stat': stat, 'x-kraud-pid': stat }),
  );
  await using _ = agent;
  const good = { name: 'n', size: 1, mode: 1, mtimeNs: '-5', linkTarget: '' };
  for (const value of [
    '',
    'null',
    '{}',
    ...['mtimeNs', 'size', 'mode', 'name'].map((key) => JSON.stringify({ ...good, [key]: [] })),
  ]) {
    stat = value;
    await assert.rejects(guest.statPath('main', '/'), { code: 'corrupt' }, value);
    if (value !== '')
      await assert.rejects(guest.exec('main', 'e', { args: ['x'] }), { code: 'corrupt' }, value);
  }
  stat = JSON.stringify(good);
  assert.deepEqual(await guest.statPath('main', '/'), good);
  guest.close();
});

test('an error is told, but not at any length', async () => {
  const { agent, guest } = await HostileAgent.open((stream) => {
    stream.respond({ ':status': 500 });
    stream.end(
      JSON.stringify({ code: 'no such code', message: 'x'.repeat(50_000), errno: 'E'.repeat(1000) }),
    );
  });
  await using _ = agent;
  await assert.rejects(guest.stats('main'), (error: KraudError) => {
    assert.deepEqual([error.code, error.message.length], ['internal', 4096]);
    return true;
  });
  guest.close();
});

const entry = { offset: 0n, timeNs: 1n, stream: 'stdout' as const, bytes: Buffer.from('hi') };

for (const [what, frames] of [
  ['rubbish', Buffer.from('no frames at all')],
  ['a frame of 4 GiB', Buffer.from([4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])],
  ['a time before 1970', encodeFrame('log', encodeLogEntry({ ...entry, timeNs: -1n }))],
  ['an offset that no number holds', encodeFrame('log', encodeLogEntry({ ...entry, offset: 2n ** 63n }))],
  ['half a log entry', encodeFrame('log', Buffer.alloc(5))],
  ['an exit that is not JSON', encodeFrame('exit', Buffer.from('{'))],
  ['no exit', encodeFrame('exit', Buffer.from('null'))],
  ['an exit out of range', encodeFrame('exit', Buffer.from(JSON.stringify({ ...exit, code: -3 })))],
] as const) {
  test(`output with ${what} is corrupt`, async () => {
    const { agent, guest } = await HostileAgent.open((stream) =>
      reply(stream, frames, { 'x-kraud-pid': '1' }),
    );
    await using _ = agent;
    const read = async (from: AsyncIterable<unknown>): Promise<void> => {
      for await (const _ of from);
    };
    await assert.rejects(guest.logs('main').then(read), { code: 'corrupt' });
    if (what.includes('exit') || what.includes('frame') || what === 'rubbish') {
      const exec = await guest.exec('main', 'e', { args: ['x'] });
      await assert.rejects(read(exec), { code: 'corrupt' });
      await assert.rejects(exec.exit, { code: 'corrupt' });
    }
    guest.close();
  });
}

test('an answer without end is cut off', async () => {
  const { agent, guest } = await HostileAgent.open((stream) => {
    stream.respond({ ':status': 200 });
    const more = (): void => {
      while (!stream.closed && stream.write(Buffer.alloc(16_384, 'x')));
    };
    stream.on('drain', more);
    more();
  });
  await using _ = agent;
  await assert.rejects(guest.processes('main'), {
    code: 'corrupt',
    message: /is larger than 16777216 bytes/,
  });
  guest.close();
});

test('any bytes instead of HTTP/2 end the connection, and nothing else', async () => {
  const { agent, guest } = await HostileAgent.open(() => {});
  await using _ = agent;
  guest.close();
  const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  };
  const settings = frame(4, 0, 0, Buffer.alloc(0));
  for (let seed = 0; seed < 60; seed += 1) {
    const random = new SeededRandom(seed);
    const frames = Array.from({ length: 20 }, () =>
      frame(random.below(12), random.below(256), random.below(8), random.bytes(random.below(40))),
    );
    const raw = seed % 2 ? random.bytes(500) : Buffer.concat([settings, ...frames]);
    const client = await agent.connect(raw);
    const answered = client.info(AbortSignal.timeout(300)).then(
      () => assert.fail(`seed ${seed}: an answer out of rubbish`),
      (error: unknown) => error,
    );
    const fault = await answered;
    assert.ok(
      fault instanceof KraudError || (fault as Error).name === 'TimeoutError',
      `seed ${seed}: ${fault}`,
    );
    client.close();
    await client.closed;
  }
});
