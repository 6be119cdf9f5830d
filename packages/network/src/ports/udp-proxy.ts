import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { NetworkLimits } from '../defaults.ts';

interface Client {
  readonly pod: Socket;
  readonly timer: NodeJS.Timeout;
}

/**
 * A UDP port of the host that carries datagrams to a pod, and the pod's answers back to whoever asked. A client is
 * remembered until it and the pod have been silent for a while. With too many clients new ones are not served.
 */
export class UdpProxy {
  readonly #socket: Socket;
  readonly #clients = new Map<string, Client>();
  readonly #to: { readonly host: string; readonly port: number };
  readonly #limits: NetworkLimits;
  #closed = false;

  private constructor(
    socket: Socket,
    to: { readonly host: string; readonly port: number },
    limits: NetworkLimits,
  ) {
    this.#socket = socket;
    this.#to = to;
    this.#limits = limits;
  }

  static async bind(
    at: { readonly address: string; readonly port: number },
    to: { readonly host: string; readonly port: number },
    limits: NetworkLimits,
  ): Promise<UdpProxy> {
    const socket = createSocket(isIPv6(at.address) ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' });
    const proxy = new UdpProxy(socket, to, limits);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: at.address, port: at.port, exclusive: true }, () => {
        socket.removeListener('error', reject);
        socket.on('error', () => {});
        resolve();
      });
    });
    socket.on('message', (data, from) => proxy.#carry(data, from.address, from.port));
    return proxy;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const closed = new Promise<void>((resolve) => this.#socket.close(() => resolve()));
    for (const key of [...this.#clients.keys()]) this.#forget(key);
    await closed;
  }

  #carry(data: Buffer, address: string, port: number): void {
    if (this.#closed) return;
    const key = `${address} ${port}`;
    const client = this.#clients.get(key) ?? this.#meet(key, address, port);
    if (!client) return;
    client.timer.refresh();
    client.pod.send(data, this.#to.port, this.#to.host, () => {});
  }

  #meet(key: string, address: string, port: number): Client | undefined {
    if (this.#clients.size >= this.#limits.proxyUdpClientsMax) return undefined;
    const pod = createSocket('udp4');
    const timer = setTimeout(() => this.#forget(key), this.#limits.proxyUdpIdleMs);
    timer.unref();
    pod.on('error', () => this.#forget(key));
    pod.on('message', (data, from) => {
      if (this.#closed || from.address !== this.#to.host || from.port !== this.#to.port) return;
      timer.refresh();
      this.#socket.send(data, port, address, () => {});
    });
    const client = { pod, timer };
    this.#clients.set(key, client);
    return client;
  }

  #forget(key: string): void {
    const client = this.#clients.get(key);
    if (!client) return;
    this.#clients.delete(key);
    clearTimeout(client.timer);
    client.pod.close();
  }
}
