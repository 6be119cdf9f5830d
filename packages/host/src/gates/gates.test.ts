import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { silentLogger, systemClock } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import { hostPorts } from '../api/ports.ts';
import { Gates } from './gates.ts';
import { type GateLimits, gateLimits } from './limits.ts';

/** Pods that are servers on the loopback: each answers with its name and what it was sent. */
class GateWorld implements AsyncDisposable {
  readonly #pods = new Map<string, Pod>();
  readonly #servers = new Map<string, Server>();
  readonly #listeners = new Set<(pods: Pod[]) => void>();
  readonly #stop = new AbortController();
  readonly gates: Gates;
  readonly #running: Promise<void>;

  constructor(limits: Partial<GateLimits> = {}) {
    this.gates = new Gates({
      name: 'here',
      pods: {
        list: () => [...this.#pods.values()],
        subscribe: (listener) => {
          this.#listeners.add(listener);
          return () => this.#listeners.delete(listener);
        },
      },
      isThere: () => true,
      subscribeHosts: () => () => {},
      hostOf: () => ({ ports: hostPorts(() => '127.0.0.1', 10_000) }),
      limits: { ...gateLimits, retryMs: 5, listenRetryMs: 20, patienceMs: 60_000, ...limits },
      clock: systemClock,
      logger: silentLogger,
    });
    this.#running = this.gates.run(this.#stop.signal);
  }

  /** A server that listens, but no pod yet. */
  async listen(name: string): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      void text(socket).then(
        (said) => socket.end(`${name}:${said}`),
        () => {},
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#servers.set(name, server);
    return (server.address() as AddressInfo).port;
  }

  async end(name: string): Promise<void> {
    const server = this.#servers.get(name);
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }

  set(uid: string, more: { spec?: object; status?: object }): void {
    const pod = {
      meta: { uid, createdAt: uid, labels: {} },
      spec: {
        host: 'there',
        containers: [{ name: 'main' }],
        ports: [],
        run: { wanted: 'running' },
        ...more.spec,
      },
      status: { phase: 'running', containers: [{ name: 'main' }], ...more.status },
    } as unknown as Pod;
    this.#pods.set(uid, pod);
    for (const listener of this.#listeners) listener([pod]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    for (const server of this.#servers.values()) server.close();
  }
}

/** Below the ports that outgoing connections get: one of those could meet itself while nobody listens. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 30_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, () => resolve(true));
    });
    if (!free) continue;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return port;
  }
}

/** What is answered; undefined when nobody takes the connection. */
async function ask(port: number, said: string, host = '127.0.0.1'): Promise<string | undefined> {
  const socket = connect({ port, host, allowHalfOpen: true });
  socket.end(said);
  return await text(socket).catch(() => undefined);
}

async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await systemClock.sleep(5);
  }
}

const publish = (podPort: number, hostPort: number, more: object = {}) => ({
  ports: [{ protocol: 'tcp', podPort, hostIp: '', hostPort, mode: 'ingress', ...more }],
});

test('connections go to all ready pods in turn, over both families, each direction ending by itself', async () => {
  await using world = new GateWorld();
  const port = await freePort();
  for (const name of ['1', '2', '3']) world.set(name, { spec: publish(await world.listen(name), port) });
  await until(() => ask(port, 'x'));
  const answers: (string | undefined)[] = [];
  for (let n = 0; n < 6; n += 1) answers.push(await ask(port, 'hi', n % 2 ? '127.0.0.1' : '::1'));
  assert.deepEqual([...new Set(answers)].sort(), ['1:hi', '2:hi', '3:hi']);
});

test('a pod that takes no connection is passed over, and one that is to stop gets none', async () => {
  await using world = new GateWorld();
  const port = await freePort();
  const [one, two] = [await world.listen('1'), await world.listen('2')];
  world.set('1', { spec: publish(one, port) });
  world.set('2', { spec: publish(two, port) });
  await world.end('1');
  await until(() => ask(port, 'x'));
  for (let n = 0; n < 4; n += 1) assert.equal(await ask(port, 'hi'), '2:hi');
  const three = await world.listen('3');
  world.set('3', { spec: publish(three, port) });
  world.set('2', { spec: { ...publish(two, port), run: { wanted: 'stopped' } } });
  await until(async () => ((await ask(port, 'x')) === '3:x' ? true : undefined));
  for (let n = 0; n < 4; n += 1) assert.equal(await ask(port, 'hi'), '3:hi');
});

test('a connection waits for the first pod that is ready', async () => {
  await using world = new GateWorld();
  const port = await freePort();
  const target = await world.listen('1');
  world.set('1', { spec: publish(target, port), status: { phase: 'starting' } });
  const socket = await until(
    () =>
      new Promise<ReturnType<typeof connect> | undefined>((resolve) => {
        const tried = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        tried.once('connect', () => resolve(tried));
        tried.once('error', () => resolve(undefined));
      }),
  );
  socket.end('early');
  world.set('1', { spec: publish(target, port) });
  assert.equal(await text(socket), '1:early');
});

test('without patience, and without a pod, a connection is broken', async () => {
  await using world = new GateWorld({ patienceMs: 0 });
  const port = await freePort();
  world.set('1', { spec: publish(1, port), status: { phase: 'starting' } });
  assert.equal(await ask(port, 'hi'), undefined);
});

test('a port that something else has is told, and taken once it is free', async () => {
  await using world = new GateWorld();
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, resolve));
  const { port } = other.address() as AddressInfo;
  world.set('1', { spec: publish(await world.listen('1'), port) });
  await until(() => world.gates.problems[0]);
  assert.match(world.gates.problems[0] ?? '', new RegExp(`port ${port}/tcp .* EADDRINUSE`));
  await new Promise<void>((resolve) => other.close(() => resolve()));
  await until(async () => ((await ask(port, 'x')) === '1:x' ? true : undefined));
  assert.deepEqual(world.gates.problems, []);
});

test('a pod of this host that wants the port has it at once', async () => {
  await using world = new GateWorld();
  const port = await freePort();
  const target = await world.listen('1');
  const bound = publish(target, port, { mode: 'host' });
  world.set('1', { spec: bound, status: { network: bound } });
  await until(async () => ((await ask(port, 'x')) === '1:x' ? true : undefined));
  world.set('2', { spec: { ...publish(80, port, { mode: 'host' }), host: 'here' } });
  const own = createServer();
  await new Promise<void>((resolve, reject) => {
    own.once('error', reject);
    own.listen({ port, host: '0.0.0.0', exclusive: true }, resolve);
  });
  await new Promise<void>((resolve) => own.close(() => resolve()));
});

test('datagrams go to a ready pod and back, and to another one when that is to stop', async () => {
  await using world = new GateWorld();
  const port = await freePort();
  const pods: UdpSocket[] = [];
  const udp = { protocol: 'udp' };
  for (const name of ['1', '2']) {
    const pod = createSocket('udp4');
    pods.push(pod);
    await new Promise<void>((resolve) => pod.bind(0, '127.0.0.1', resolve));
    pod.on('message', (data, from) => pod.send(`${name}:${data}`, from.port, from.address));
    world.set(name, { spec: publish(pod.address().port, port, udp) });
  }
  const client = createSocket('udp4');
  let heard = '';
  client.on('message', (data) => {
    heard = data.toString();
  });
  const exchange = async (): Promise<string> => {
    heard = '';
    return await until(() => {
      client.send('hi', port, '127.0.0.1');
      return heard === '' ? undefined : heard;
    });
  };
  const first = await exchange();
  assert.match(first, /^[12]:hi$/);
  const [uid = ''] = first;
  const stopped = { ...publish(1, port, udp), run: { wanted: 'stopped' } };
  world.set(uid, { spec: stopped });
  await until(async () => ((await exchange()) === first ? undefined : true));
  client.close();
  for (const pod of pods) pod.close();
});
