import assert from 'node:assert/strict';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { must, silentLogger } from '@kraud/base';
import type { Host } from '@kraud/macro';
import { TlsPeerSessions } from './sessions.ts';
import { resourceOf, TestHosts } from './testing/world.ts';

const hosts = new TestHosts();
after(() => hosts.stop());
const far = await hosts.start('far');
const near = await hosts.start('near');
far.listener.handle('/echo', (stream) => {
  stream.respond({ ':status': 200 });
  stream.end('here');
});
far.listener.handle('/forever', (stream) => stream.respond({ ':status': 200 }));

/** The way to a host, which can be made to swallow everything. */
class Wire {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #dead: boolean;

  constructor(port: number, dead = false) {
    this.#dead = dead;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      if (this.#dead) return;
      const onward = connect(port, '127.0.0.1');
      this.#sockets.add(onward);
      onward.on('error', () => {});
      socket.pipe(onward);
      onward.pipe(socket);
    });
  }

  async listen(): Promise<Host> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = must(this.#server.address(), 'it listens');
    assert.ok(typeof address === 'object');
    return resourceOf('far', { ip: '127.0.0.1', port: address.port });
  }

  swallow(): void {
    this.#dead = true;
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function sessionsOf(limits: Partial<typeof hosts.limits>): TlsPeerSessions {
  const { identity } = near;
  const { clock } = hosts;
  return new TlsPeerSessions({
    identity,
    clock,
    logger: silentLogger,
    limits: { ...hosts.limits, ...limits },
  });
}

async function get(sessions: TlsPeerSessions, host: Host, path: string): Promise<string> {
  const stream = sessions.session(host).request({ ':path': path });
  return Buffer.concat(await stream.toArray()).toString();
}

test('a host that falls silent is found out, and what waited for it fails', async () => {
  const wire = new Wire(far.address.port);
  const host = await wire.listen();
  const sessions = sessionsOf({ pingIntervalMs: 20, pingTimeoutMs: 3_000 });
  assert.equal(await get(sessions, host, '/echo'), 'here');
  const waiting = get(sessions, host, '/forever');
  const session = sessions.session(host);
  wire.swallow();
  await assert.rejects(waiting, { message: /the host far can’t be reached: it does not answer/ });
  assert.ok(session.destroyed);
  assert.notEqual(sessions.session(host), session, 'the next request tries anew');
  sessions.close();
  await wire.close();
});

test('a host that is silent from the start fails soon, too', async () => {
  const wire = new Wire(far.address.port, true);
  const host = await wire.listen();
  const sessions = sessionsOf({ connectTimeoutMs: 200 });
  await assert.rejects(get(sessions, host, '/echo'), { message: /no connection within 200 ms/ });
  sessions.close();
  await wire.close();
});

test('where nobody listens, or nobody is said to, nothing is reached', async () => {
  const sessions = sessionsOf({});
  const wire = new Wire(far.address.port);
  const host = await wire.listen();
  await wire.close();
  await assert.rejects(get(sessions, host, '/echo'));
  const { address: _, ...status } = host.status;
  assert.throws(() => sessions.session({ ...host, status }), {
    code: 'unavailable',
    message: /it listens nowhere/,
  });
  sessions.close();
  assert.throws(() => sessions.session(far.resource), { code: 'unavailable' });
});

test('a session that answers its pings stays', async () => {
  const sessions = sessionsOf({ pingIntervalMs: 1, pingTimeoutMs: 60_000 });
  const session = sessions.session(far.resource);
  for (let n = 0; n < 50; n += 1) assert.equal(await get(sessions, far.resource, '/echo'), 'here');
  assert.equal(sessions.session(far.resource), session);
  sessions.close();
});
