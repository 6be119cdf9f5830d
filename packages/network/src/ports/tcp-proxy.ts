import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import type { NetworkLimits } from '../defaults.ts';

/**
 * A listening port of the host that carries each connection to a pod, in user space. Either side may finish sending
 * before the other (half-close); when one side breaks, the other one sees a reset. `bind` fails as the system does.
 */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async bind(
    at: { readonly address: string; readonly port: number },
    to: { readonly host: string; readonly port: number },
    limits: NetworkLimits,
  ): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true, keepAlive: true, noDelay: true });
    server.maxConnections = limits.proxyConnectionsMax;
    const proxy = new TcpProxy(server);
    server.on('connection', (client) => proxy.#carry(client, to, limits.proxyConnectTimeoutMs));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: at.address, port: at.port, exclusive: true, ipv6Only: true }, () => {
        server.removeListener('error', reject);
        server.on('error', () => {});
        resolve();
      });
    });
    return proxy;
  }

  /** Frees the port; connections under way are cut. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #carry(client: Socket, to: { readonly host: string; readonly port: number }, timeoutMs: number): void {
    const pod = dial({ ...to, allowHalfOpen: true, keepAlive: true, noDelay: true });
    pod.setTimeout(timeoutMs, () => pod.destroy(new Error('the pod does not answer')));
    pod.once('connect', () => pod.setTimeout(0));
    this.#tie(client, pod);
    this.#tie(pod, client);
  }

  #tie(socket: Socket, peer: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {
      if (!peer.destroyed) peer.resetAndDestroy();
    });
    socket.once('close', () => {
      this.#sockets.delete(socket);
      peer.destroySoon();
    });
    socket.pipe(peer);
  }
}
