import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, connect as dial, isIPv6, type Server, type Socket } from 'node:net';
import type { NetworkLimits } from '../defaults.ts';

const headerBytes = 12;

/**
 * Answers pods' questions for names by asking the host's own name servers, which pods can't reach when they listen on
 * the host's loopback. Listens on one address of the host, port 53. Messages pass unchanged; each question goes out
 * from a port of its own, so that answers are hard to forge. What is over a limit is dropped, as an overloaded name
 * server would.
 */
export class Forwarder {
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #servers: () => readonly string[];
  readonly #limits: NetworkLimits;
  readonly #questions = new Set<UdpSocket>();
  readonly #connections = new Set<Socket>();
  readonly #upstreamPort: number;
  #closed = false;

  private constructor(servers: () => readonly string[], limits: NetworkLimits, upstreamPort: number) {
    this.#servers = servers;
    this.#limits = limits;
    this.#upstreamPort = upstreamPort;
    this.#udp = createSocket('udp4');
    this.#tcp = createServer({ allowHalfOpen: true });
    this.#tcp.maxConnections = limits.dnsConnectionsMax;
    this.#udp.on('message', (question, from) => this.#ask(question, from, 0));
    this.#tcp.on('connection', (client) => this.#carry(client));
  }

  /** `servers` is asked for each question, so that a changed resolv.conf counts. */
  static async listen(
    at: { readonly address: string; readonly port: number },
    options: { servers: () => readonly string[]; limits: NetworkLimits; upstreamPort?: number },
  ): Promise<Forwarder> {
    const forwarder = new Forwarder(options.servers, options.limits, options.upstreamPort ?? 53);
    try {
      await new Promise<void>((resolve, reject) => {
        forwarder.#udp.once('error', reject);
        forwarder.#udp.bind({ ...at, exclusive: true }, resolve);
      });
      const port = forwarder.port;
      await new Promise<void>((resolve, reject) => {
        forwarder.#tcp.once('error', reject);
        forwarder.#tcp.listen({ host: at.address, port, exclusive: true }, resolve);
      });
    } catch (error) {
      await forwarder.close();
      throw error;
    }
    forwarder.#udp.on('error', () => {});
    forwarder.#tcp.on('error', () => {});
    return forwarder;
  }

  get port(): number {
    return this.#udp.address().port;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of this.#questions) socket.close();
    this.#questions.clear();
    for (const socket of this.#connections) socket.destroy();
    await new Promise<void>((resolve) => this.#udp.close(() => resolve()));
    if (this.#tcp.listening) await new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
  }

  #ask(question: Buffer, from: RemoteInfo, attempt: number): void {
    const server = this.#servers()[attempt];
    const isQuestion = question.length >= headerBytes && ((question[2] ?? 0) & 0x80) === 0;
    if (this.#closed || server === undefined || !isQuestion) return;
    if (this.#questions.size >= this.#limits.dnsQueriesMax) return;
    const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
    this.#questions.add(socket);
    const done = (next: boolean): void => {
      if (!this.#questions.delete(socket)) return;
      clearTimeout(timer);
      socket.close();
      if (next) this.#ask(question, from, attempt + 1);
    };
    const timer = setTimeout(() => done(true), this.#limits.dnsTimeoutMs);
    socket.on('error', () => done(true));
    socket.on('message', (answer) => {
      if (!answers(question, answer)) return;
      this.#udp.send(answer, from.port, from.address, () => {});
      done(false);
    });
    socket.connect(this.#upstreamPort, server, () => {
      if (this.#questions.has(socket)) socket.send(question, (error) => error && done(true));
    });
  }

  #carry(client: Socket): void {
    const server = this.#servers()[0];
    if (server === undefined) return void client.destroy();
    const upstream = dial({ host: server, port: this.#upstreamPort, allowHalfOpen: true });
    for (const [socket, peer] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#connections.add(socket);
      socket.setTimeout(this.#limits.dnsTimeoutMs * 2, () => socket.destroy());
      socket.on('error', () => peer.destroy());
      socket.once('close', () => {
        this.#connections.delete(socket);
        peer.destroySoon();
      });
      socket.pipe(peer);
    }
  }
}

/** The same id, and marked as an answer. */
function answers(question: Buffer, answer: Buffer): boolean {
  return (
    answer.length >= headerBytes &&
    answer.readUInt16BE(0) === question.readUInt16BE(0) &&
    ((answer[2] ?? 0) & 0x80) !== 0
  );
}
