import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { KraudError, type Logger, SeededRandom, silentLogger } from '@kraud/base';
import { HttpFault } from './errors.ts';
import { operations } from './operations.ts';
import { type HostileRequest, HostileRequests } from './testing/hostile-requests.ts';
import { TestServer } from './testing/server.ts';

const requestsMax = 500;
const patienceMs = 10_000;
/** Of a stream that has no end of its own. */
const streamMs = 15;

/** A fault that no operation meant: those have a code, and words for whoever asked. */
function recording(bugs: unknown[]): Logger {
  const error = (fields: { error?: unknown }): void => {
    const fault = fields.error;
    const meant = fault instanceof HttpFault || fault instanceof KraudError;
    if (!meant) bugs.push(fault);
  };
  return { ...silentLogger, error, child: () => recording(bugs) };
}

interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** All of the answer, or the beginning of one that goes on. */
function ask(path: string, bytes: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    let text = '';
    const late = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no answer within ${patienceMs} ms`));
    }, patienceMs);
    const done = (): void => {
      clearTimeout(late);
      socket.destroy();
      const [head = '', ...rest] = text.split('\r\n\r\n');
      resolve({
        status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0),
        head,
        body: rest.join('\r\n\r\n'),
      });
    };
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (/^HTTP\/1\.1 (200|101) /.test(text) && !/^Content-Length/im.test(text)) setTimeout(done, streamMs);
    });
    for (const event of ['end', 'close', 'error']) socket.on(event, done);
    socket.write(bytes);
  });
}

function written({ method, target, headers, body }: HostileRequest): Buffer {
  const lines = [...headers, ['Content-Length', String(body.length)], ['Connection', 'close']];
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${head}\r\n`, 'latin1'), body]);
}

const seed = Number(process.env.KRAUD_SEED ?? 1);

test(`requests that are nearly valid are carried out or refused in words (KRAUD_SEED=${seed})`, async () => {
  const bugs: unknown[] = [];
  await using server = await TestServer.open({
    logger: recording(bugs),
    hostPaths: { kindOf: async () => 'directory', makeDirectory: async () => {} },
  });
  const { fake } = server;
  let id = '';
  // The first waits for as long as nothing ends, the others leave the cloud.
  const left = ['/containers/:id/wait', '/swarm/join', '/swarm/leave'];
  const chosen = operations.filter(({ path }) => !left.includes(path));
  for (let i = 0; i < requestsMax; i += 1) {
    if (fake.pods.get(id)?.status.phase !== 'running') {
      id = await server.create(['cat'], { OpenStdin: true });
      fake.start(id);
    }
    const known = { id: [id, id.slice(0, 12), 'nope'], name: ['app', 'none', 'default', 'nope'] };
    const request = new HostileRequests(new SeededRandom(seed * 1_000_000 + i), chosen, known).next();
    const what = `request ${i} of seed ${seed}: ${request.method} ${request.target.slice(0, 200)}`;
    const before = fake.pods.size;
    const { status, head, body } = await ask(server.path, written(request)).catch((error: unknown) => {
      throw new Error(what, { cause: error });
    });
    assert.notEqual(status, 0, `${what}: no answer`);
    // What the cloud of this test doesn't have is its own fault.
    const lacks = /the fake cloud has no/.test(body);
    const fault = bugs.pop();
    assert.ok(fault === undefined || lacks, `${what}: ${fault instanceof Error ? fault.stack : fault}`);
    assert.doesNotMatch(head, /^X-Evil/im, what);
    if (status < 400 || lacks) continue;
    assert.ok(fake.pods.size <= before, `${what}: something was made`);
    // An answer of HTTP itself, or to a question for the head alone, has no body.
    if (request.method === 'HEAD' || status === 417) continue;
    const { message } = JSON.parse(body) as { message: unknown };
    assert.ok(typeof message === 'string' && message.length > 0, `${what}: ${body}`);
    assert.doesNotMatch(message, /is not a function|Cannot read|undefined|\bat .*\.ts:\d/, what);
  }
});

const ping = 'GET /_ping HTTP/1.1\r\nHost: x\r\n';
const create = 'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
const body = '{"Image":"app"}';

for (const [what, bytes, status] of [
  ['HTTP/1.0', 'GET /_ping HTTP/1.0\r\n\r\n', 200],
  ['HTTP/0.9', 'GET /_ping\r\n\r\n', 200],
  ['HTTP/2 at once', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['no host', 'GET /_ping HTTP/1.1\r\n\r\n', 400],
  ['two lengths', `${create}Content-Length: 15\r\nContent-Length: 2\r\n\r\n${body}`, 400],
  ['a length and chunks', `${create}Content-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['a negative length', `${create}Content-Length: -1\r\n\r\n${body}`, 400],
  ['a length past all numbers', `${create}Content-Length: ${'9'.repeat(40)}\r\n\r\n`, 400],
  ['a bad chunk', `${create}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n`, 400],
  ['an unknown coding', `${create}Transfer-Encoding: gzip\r\n\r\n`, 400],
  ['a folded header', `${ping}X: a\r\n b\r\n\r\n`, 400],
  ['a NUL in a header', `${ping}X: a\0b\r\n\r\n`, 400],
  ['a bare line feed', 'GET /_ping HTTP/1.1\nHost: x\n\n', 400],
  ['a header without a name', `${ping}: x\r\n\r\n`, 400],
  ['too many headers', `${ping}${'X: y\r\n'.repeat(300_000)}\r\n`, 431],
  ['a long target', `GET /${'x'.repeat(2_000_000)} HTTP/1.1\r\n\r\n`, 431],
  [
    'a target that is a URL',
    'GET http://elsewhere/_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    200,
  ],
  ['a tunnel', 'CONNECT elsewhere:443 HTTP/1.1\r\nHost: x\r\n\r\n', 404],
  ['an upgrade where none is', `${ping}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`, 200],
  [
    'an upgrade with a body in chunks',
    `${create}Connection: Upgrade\r\nUpgrade: tcp\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    411,
  ],
  ['an encoded dot', 'GET /containers/%2e%2e/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
  ['an encoded NUL', 'GET /containers/a%00b/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
  [
    'an encoding that is none',
    'GET /containers/%zz/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    404,
  ],
  ['double slashes', 'GET //containers//json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
] as const) {
  test(`${what}: ${status}`, async () => {
    await using server = await TestServer.open();
    const answer = await ask(server.path, Buffer.from(bytes, 'latin1'));
    assert.equal(answer.status, status, answer.head);
    if (status >= 400 && what !== 'no host') assert.match(JSON.parse(answer.body).message, /\S/);
    assert.equal(server.fake.pods.size, 0);
    assert.equal((await server.ask('GET', '/_ping')).status, 200);
  });
}

test('requests behind one another are answered in order, up to the one that is wrong', async () => {
  await using server = await TestServer.open();
  const text = `${ping}\r\n${create}Content-Length: 2\r\n\r\n{}${ping}\r\nrubbish\r\n\r\n`;
  const { body: rest, head } = await ask(server.path, Buffer.from(text));
  assert.match(head, /^HTTP\/1\.1 200/);
  assert.deepEqual(
    [...rest.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => code),
    ['400', '200', '400'],
  );
});
