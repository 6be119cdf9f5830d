import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { systemClock, systemRandom } from '@kraud/base';
import { Authority, makeKey, makeRequest, peerLimits } from '@kraud/host';
import { openMemoryStore } from '@kraud/macro';

/** Mutual TLS in front of an etcd: nobody without a certificate of its own CA gets through. */
export class SecureStore {
  /** What `kraudd` is given to reach it. */
  readonly flags: readonly string[];
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(flags: readonly string[], server: Server, sockets: Set<Socket>) {
    this.flags = flags;
    this.#server = server;
    this.#sockets = sockets;
  }

  /** `store` is `etcd://ip:port`; the door is on the same address, on a port of its own. PEM files go into `dir`. */
  static async start(store: string, dir: string): Promise<SecureStore> {
    const { hostname: ip, port } = new URL(store.replace('etcd:', 'http:'));
    const memory = openMemoryStore({ clock: systemClock, random: systemRandom });
    const authority = await Authority.open({ store: memory, clock: systemClock, limits: peerLimits });
    await memory.close();
    const issue = async (name: string): Promise<{ cert: string; key: string }> => {
      const key = makeKey();
      return { cert: await authority.issue(await makeRequest(name, key), { name, ip }), key };
    };
    const [door, client] = [await issue('etcd'), await issue('kraudd')];
    const file = (name: string, text: string): string => {
      writeFileSync(join(dir, name), text, { mode: 0o600 });
      return join(dir, name);
    };
    const sockets = new Set<Socket>();
    const tls = { ...door, ca: authority.cert, requestCert: true, ALPNProtocols: ['h2'] };
    const server = createServer(tls, (socket) => {
      const onward = connect(Number(port), ip);
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        sockets.add(one);
        one.on('error', () => other.destroy());
        one.once('close', () => {
          sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
    await new Promise<void>((resolve) => server.listen(0, ip, resolve));
    const address = server.address();
    const at = typeof address === 'object' && address ? address.port : 0;
    const flags = [
      ...['--store', `etcd://${ip}:${at}`, '--store-ca', file('store-ca.pem', authority.cert)],
      ...[
        '--store-cert',
        file('store-cert.pem', client.cert),
        '--store-key',
        file('store-key.pem', client.key),
      ],
    ];
    return new SecureStore(flags, server, sockets);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
