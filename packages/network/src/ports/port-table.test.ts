import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { after, test } from 'node:test';
import { codeOf, messageOf, must } from '@kraud/base';
import { defaultNetworkLimits } from '../defaults.ts';
import { PortTable } from './port-table.ts';

const closers: (() => unknown)[] = [];
after(async () => {
  for (const close of closers) await close();
});

function table(more: Partial<typeof defaultNetworkLimits> = {}): PortTable {
  const made = new PortTable({ ...defaultNetworkLimits, ...more });
  closers.push(() => made.close());
  return made;
}

/** Stands for the pod: 127.0.0.1, an echo service that answers once the caller has finished. */
async function podServer(): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, async (socket) => {
    const parts: Buffer[] = [];
    socket.on('error', () => {});
    for await (const part of socket) parts.push(part);
    socket.end(Buffer.concat(parts));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

const owner = (podId: string) => ({ podId, podName: podId, address: '127.0.0.1' });
const tcp = (podPort: number, hostPort: number, hostIp = '127.0.0.1') =>
  ({ protocol: 'tcp', podPort, hostIp, hostPort }) as const;

test('a connection is carried both ways, with half-close, megabytes of it', async () => {
  const ports = table();
  const [bound] = await ports.bind(owner('a'), [tcp(await podServer(), 0)]);
  const client = connect({ host: '127.0.0.1', port: must(bound, 'bound').hostPort, allowHalfOpen: true });
  client.end(Buffer.alloc(8 * 2 ** 20, 'x'));
  let bytes = 0;
  for await (const data of client) bytes += data.length;
  assert.equal(bytes, 8 * 2 ** 20);
});

test('with no server in the pod the client sees its connection break', async () => {
  const ports = table();
  const closed = await podServer();
  await closers.pop()?.();
  const [bound] = await ports.bind(owner('a'), [tcp(closed, 0)]);
  const client = connect({ host: '127.0.0.1', port: must(bound, 'bound').hostPort });
  const [error] = await once(client, 'error');
  assert.match(String(error), /ECONNRESET/);
});

test('UDP clients get their own answers', async () => {
  const pod = createSocket('udp4');
  pod.on('message', (data, from) => pod.send(`re ${data}`, from.port, from.address));
  pod.bind(0, '127.0.0.1');
  await once(pod, 'listening');
  closers.push(() => pod.close());
  const ports = table();
  const [bound] = await ports.bind(owner('a'), [
    { protocol: 'udp', podPort: pod.address().port, hostIp: '127.0.0.1', hostPort: 0 },
  ]);
  const answers = await Promise.all(
    ['one', 'two', 'three'].map(async (text) => {
      const client = createSocket('udp4');
      client.send(text, must(bound, 'bound').hostPort, '127.0.0.1');
      const [data] = await once(client, 'message');
      client.close();
      return String(data);
    }),
  );
  assert.deepEqual(answers, ['re one', 're two', 're three']);
});

test('one free port among those that are named', async () => {
  const ports = table();
  const [one] = await ports.bind(owner('a'), [tcp(80, 0)]);
  const first = must(one, 'bound').hostPort;
  const wanted = { ...tcp(80, 0), among: { first, last: first + 1 } };
  assert.deepEqual(await ports.bind(owner('b'), [wanted]), [tcp(80, first + 1)]);
  await assert.rejects(ports.bind(owner('c'), [wanted]), (error) => {
    assert.match(messageOf(error), /on endpoint c: all ports are allocated$/);
    return codeOf(error) === 'conflict';
  });
});

test('both families get the same port, twice the same mapping is one', async () => {
  const ports = table();
  const bound = await ports.bind(owner('a'), [tcp(80, 0, ''), tcp(80, 0, '')]);
  assert.deepEqual(
    bound.map((p) => p.hostIp),
    ['0.0.0.0', '::'],
  );
  assert.equal(bound[0]?.hostPort, bound[1]?.hostPort);
});

test('a port that may be any takes none that the same pod names', async () => {
  const ports = table();
  const [probe] = await ports.bind(owner('probe'), [tcp(80, 0, '0.0.0.0')]);
  await ports.release('probe');
  const next = must(probe, 'probe').hostPort + 1;
  const bound = await ports.bind(owner('a'), [tcp(80, 0, '0.0.0.0'), tcp(8080, next, '0.0.0.0')]);
  assert.deepEqual(
    bound.map(({ podPort }) => podPort),
    [80, 8080],
  );
  assert.equal(bound[1]?.hostPort, next);
  assert.notEqual(bound[0]?.hostPort, next);
  await ports.release('a');
});

test('all ports of a request or none; a released port is free', async () => {
  const ports = table();
  const [held] = await ports.bind(owner('a'), [tcp(80, 0, '')]);
  const port = must(held, 'held').hostPort;
  const other = table();
  for (const t of [ports, other]) {
    await assert.rejects(t.bind(owner('b'), [tcp(80, 0), tcp(80, port, '0.0.0.0')]), (error) => {
      assert.match(
        messageOf(error),
        new RegExp(`endpoint b: Bind for 0.0.0.0:${port} failed: port is already`),
      );
      return codeOf(error) === 'conflict';
    });
  }
  assert.equal(ports.all().length, 2);
  assert.equal(other.all().length, 0);
  await ports.release('a');
  await other.bind(owner('b'), [tcp(80, port, '0.0.0.0')]);
  assert.deepEqual(await ports.rebind(owner('a'), [tcp(80, port, '0.0.0.0')]), [
    `driver failed programming external connectivity on endpoint a: Bind for 0.0.0.0:${port} failed: port is already allocated`,
  ]);
});

test('foreign addresses, bad ones and a full range are refused by name', async () => {
  const ports = table({ ephemeralPortFirst: 45_987, ephemeralPortLast: 45_988 });
  await assert.rejects(ports.bind(owner('a'), [tcp(80, 0, 'x')]), (e) => codeOf(e) === 'invalid');
  await assert.rejects(ports.bind(owner('a'), [tcp(80, 8999, '203.0.113.7')]), (e) =>
    /cannot assign requested address/.test(messageOf(e)),
  );
  const many = [1, 2, 3].map((n) => tcp(n, 0));
  await assert.rejects(ports.bind(owner('a'), many), (e) => codeOf(e) === 'conflict');
  assert.deepEqual(ports.all(), []);
});
