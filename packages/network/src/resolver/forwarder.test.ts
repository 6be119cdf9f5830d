import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { after, test } from 'node:test';
import { isErrno } from '@kraud/base';
import { defaultNetworkLimits } from '../defaults.ts';
import { Forwarder } from './forwarder.ts';
import type { Asker } from './pod-names.ts';

const open: { close(): unknown }[] = [];
after(async () => {
  for (const thing of open) await thing.close();
});

const limits = { ...defaultNetworkLimits, dnsTimeoutMs: 200 };
const question = (id: number): Buffer =>
  Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 0, 0, 1, 0, 1]);

async function udp(address: string, port: number, onMessage: (s: Socket, m: Buffer, port: number) => void) {
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => onMessage(socket, message, from.port));
  socket.bind(port, address);
  await once(socket, 'listening');
  open.push(socket);
  return socket;
}

/** A name server on 127.0.0.1 that answers each question with itself, marked as an answer. */
async function upstream(onMessage = echo) {
  return (await udp('127.0.0.1', 0, onMessage)).address().port;
}

function echo(socket: Socket, message: Buffer, port: number): void {
  const answer = Buffer.from(message);
  answer.writeUInt8(answer.readUInt8(2) | 0x80, 2);
  socket.send(answer, port, '127.0.0.1');
}

/** On a port that the kernel gives for UDP: for TCP another may have it. */
async function listening(options: Parameters<typeof Forwarder.listen>[1]): Promise<Forwarder> {
  for (let tries = 10; ; tries -= 1) {
    try {
      const made = await Forwarder.listen({ address: '127.0.0.1', port: 0 }, options);
      open.push(made);
      return made;
    } catch (error) {
      if (tries === 1 || !isErrno(error, 'EADDRINUSE')) throw error;
    }
  }
}

const forwarder = (servers: string[], upstreamPort: number): Promise<Forwarder> =>
  listening({ servers: () => servers, limits, upstreamPort });

test('questions and answers pass unchanged, many at once', async () => {
  const made = await forwarder(['127.0.0.1'], await upstream());
  const got = new Set<number>();
  const client = await udp('127.0.0.1', 0, (_, message) => {
    assert.deepEqual(message.subarray(12), question(0).subarray(12));
    got.add(message.readUInt16BE(0));
    if (got.size === 100) client.emit('all');
  });
  const all = once(client, 'all');
  // As every resolver does, it asks again for what a busy machine dropped.
  const ask = (): void => {
    for (let id = 0; id < 100; id += 1) if (!got.has(id)) client.send(question(id), made.port, '127.0.0.1');
  };
  ask();
  const again = setInterval(ask, 500);
  await all;
  clearInterval(again);
});

test('a server that no route leads to is passed over', async () => {
  // The kernel refuses to connect to it, as it does where there is no way out.
  const made = await forwarder(['255.255.255.255', '127.0.0.1'], await upstream());
  const client = await udp('127.0.0.1', 0, (_, message) => client.emit('got', message));
  const got = once(client, 'got');
  client.send(question(1), made.port, '127.0.0.1');
  const [answer] = await got;
  assert.equal(answer.readUInt16BE(0), 1);
});

test('a server that is silent, or answers another question, is passed over', async () => {
  const wrong = (socket: Socket, message: Buffer, port: number): void => {
    const other = Buffer.from(message);
    other.writeUInt16BE(message.readUInt16BE(0) ^ 1, 0);
    echo(socket, other, port);
    socket.send(message, port, '127.0.0.1');
  };
  const port = await upstream(wrong);
  await udp('127.0.0.2', port, echo);
  const made = await forwarder(['127.0.0.1', '127.0.0.2'], port);
  const client = await udp('127.0.0.1', 0, () => {});
  const answered = once(client, 'message');
  client.send(question(7), made.port, '127.0.0.1');
  // 127.0.0.2 answers to 127.0.0.1, where the question came from.
  const [message] = await answered;
  assert.equal(message.readUInt16BE(0), 7);
  assert.equal(message.readUInt8(2) & 0x80, 0x80);
});

test('junk is dropped, and what follows is served', async () => {
  const made = await forwarder(['127.0.0.1'], await upstream());
  const client = await udp('127.0.0.1', 0, () => {});
  const answered = once(client, 'message');
  client.send(Buffer.alloc(3), made.port, '127.0.0.1');
  const answer = question(1);
  answer.writeUInt8(0x81, 2);
  client.send(answer, made.port, '127.0.0.1');
  client.send(question(2), made.port, '127.0.0.1');
  const [message] = await answered;
  assert.equal(message.readUInt16BE(0), 2);
});

test('TCP is carried through, by the first server that takes it', async () => {
  const server = createServer({ allowHalfOpen: true }, (s) => s.pipe(s)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(server);
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  // Nobody listens there.
  const made = await forwarder(['127.0.0.2', '127.0.0.1'], address.port);
  const client = connect({ port: made.port, host: '127.0.0.1', allowHalfOpen: true });
  client.end('hello');
  let text = '';
  for await (const data of client) text += data;
  assert.equal(text, 'hello');
});

const pods: Record<string, Asker> = {
  '127.0.0.1': {
    servers: undefined,
    answer: ({ name }) => (name === 'a' ? { code: 'ok', data: [{ ipv4: '10.0.0.9' }] } : undefined),
  },
};

const ofPods = (asker: Asker | undefined, upstreamPort: number): Promise<Forwarder> =>
  listening({ servers: () => ['127.0.0.1'], asker: () => asker, limits, upstreamPort });

test('a pod’s name is answered without asking anybody, by UDP and TCP', async () => {
  const made = await ofPods(pods['127.0.0.1'], 9);
  const client = await udp('127.0.0.1', 0, () => {});
  const answered = once(client, 'message');
  client.send(question(3), made.port, '127.0.0.1');
  const [message] = await answered;
  assert.equal(message.subarray(-4).toString('hex'), '0a000009');
  const twice = [3, 4].flatMap((id) => [Buffer.from([0, question(id).length]), question(id)]);
  const tcp = connect({ port: made.port, host: '127.0.0.1', allowHalfOpen: true });
  tcp.end(Buffer.concat(twice));
  const replies = Buffer.concat(await tcp.toArray());
  assert.equal(replies.length, 2 * (2 + message.length));
  assert.deepEqual(replies.subarray(2, 2 + message.length), message);
});

test('what no pod is called is asked elsewhere, and nowhere by a pod without a way out', async () => {
  const nothing: Asker = { servers: undefined, answer: () => undefined };
  const made = await ofPods(nothing, await upstream());
  const client = await udp('127.0.0.1', 0, () => {});
  const answered = once(client, 'message');
  client.send(question(5), made.port, '127.0.0.1');
  const [message] = await answered;
  assert.deepEqual(message.subarray(12), question(5).subarray(12));
  const walled = await ofPods({ ...nothing, servers: [] }, await upstream());
  const refused = once(client, 'message');
  client.send(question(6), walled.port, '127.0.0.1');
  const [failure] = await refused;
  assert.equal(failure.readUInt16BE(2) & 0xf, 2);
});

test('who asks by TCP without reading is heard no more until it reads', async () => {
  let asked = 0;
  const data = Array.from({ length: 400 }, (_, i) => ({ ipv4: `10.0.${i >> 8}.${i & 255}` }));
  const asker: Asker = {
    servers: [],
    answer: () => {
      asked += 1;
      return { code: 'ok', data };
    },
  };
  const patient = { ...limits, dnsTimeoutMs: 60_000 };
  const made = await listening({
    servers: () => [],
    asker: () => asker,
    limits: patient,
    upstreamPort: 1,
  });
  const client = connect({ host: '127.0.0.1', port: made.port, allowHalfOpen: true });
  await once(client, 'connect');
  const questions = 6000;
  const one = Buffer.concat([Buffer.from([0, question(1).length]), question(1)]);
  client.write(Buffer.concat(Array.from({ length: questions }, () => one)));
  for (let before = -1; asked === 0 || asked !== before; ) {
    before = asked;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.ok(asked < questions, `${asked} answers wait to be read`);
  let bytes = 0;
  const whole = questions * (2 + question(1).length + 16 * data.length);
  const all = new Promise<void>((resolve) => {
    client.on('data', (chunk) => {
      bytes += chunk.length;
      if (bytes === whole) resolve();
    });
  });
  await all;
  assert.equal(asked, questions);
  client.destroy();
});
