import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, connect as dial, isIPv6, type Server, type Socket } from 'node:net';
import type { NetworkLimits } from '../defaults.ts';
import { parseQuestion, replyTo } from './message.ts';
import type { Asker } from './pod-names.ts';

const headerBytes = 12;
/** What every asker takes by UDP. */
const udpBytesMax = 512;
const tcpBytesMax = 65_535;

export interface ForwarderOptions {
  /** Asked for each question, so that a changed resolv.conf counts. */
  readonly servers: () => readonly string[];
  /** Who asks from this address; undefined: nobody that there is anything to tell. */
  readonly asker?: (address: string) => Asker | undefined;
  readonly limits: NetworkLimits;
  readonly upstreamPort?: number;
}

/**
 * Answers pods' questions for names: those for other pods itself, all others by asking the host's own name servers
 * (which pods can't reach when they listen on the host's loopback) or those that the pod asked for. Listens on one
 * address of the host, port 53. What is passed on passes unchanged; each question goes out from a port of its own, so
 * that answers are hard to forge. What is over a limit is dropped, as an overloaded name server would.
 */
export class Forwarder {
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #servers: () => readonly string[];
  readonly #asker: (address: string) => Asker | undefined;
  readonly #limits: NetworkLimits;
  readonly #questions = new Set<UdpSocket>();
  readonly #connections = new Set<Socket>();
  readonly #upstreamPort: number;
  #closed = false;

  private constructor({ servers, asker, limits, upstreamPort }: ForwarderOptions) {
    this.#servers = servers;
    this.#asker = asker ?? (() => undefined);
    this.#limits = limits;
    this.#upstreamPort = upstreamPort ?? 53;
    this.#udp = createSocket('udp4');
    this.#tcp = createServer({ allowHalfOpen: true });
    this.#tcp.maxConnections = limits.dnsConnectionsMax;
    this.#udp.on('message', (question, from) => this.#take(question, from));
    this.#tcp.on('connection', (client) => this.#serve(client));
  }

  static async listen(
    at: { readonly address: string; readonly port: number },
    options: ForwarderOptions,
  ): Promise<Forwarder> {
    const forwarder = new Forwarder(options);
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

  /** The reply, if it is known here. */
  #known(message: Buffer, asker: Asker | undefined, bytesMax: number): Buffer | undefined {
    const question = asker && parseQuestion(message);
    if (!question) return undefined;
    const answer = asker.answer(question) ?? (asker.servers?.length === 0 ? nobody : undefined);
    return answer && replyTo(message, question, answer, { ttlS: this.#limits.dnsTtlS, bytesMax });
  }

  #take(message: Buffer, from: RemoteInfo): void {
    if (this.#closed) return;
    const asker = this.#asker(from.address);
    const reply = this.#known(message, asker, udpBytesMax);
    if (reply) this.#udp.send(reply, from.port, from.address, () => {});
    else this.#ask(message, from, asker?.servers ?? this.#servers());
  }

  #ask(question: Buffer, from: RemoteInfo, [server, ...others]: readonly string[]): void {
    const isQuestion = question.length >= headerBytes && ((question[2] ?? 0) & 0x80) === 0;
    if (this.#closed || server === undefined || !isQuestion) return;
    if (this.#questions.size >= this.#limits.dnsQueriesMax) return;
    const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
    this.#questions.add(socket);
    const done = (next: boolean): void => {
      if (!this.#questions.delete(socket)) return;
      clearTimeout(timer);
      socket.close();
      if (next) this.#ask(question, from, others);
    };
    const timer = setTimeout(() => done(true), this.#limits.dnsTimeoutMs);
    socket.on('error', () => done(true));
    socket.on('message', (answer) => {
      if (!answers(question, answer)) return;
      this.#udp.send(answer, from.port, from.address, () => {});
      done(false);
    });
    // What Node's types don't tell: it is called with why there is no connection, too.
    socket.connect(this.#upstreamPort, server, (failed?: Error) => {
      if (failed) done(true);
      else if (this.#questions.has(socket)) socket.send(question, (error) => error && done(true));
    });
  }

  /** Questions that are known here are answered, one after the other; from the first other one on all are passed on. */
  #serve(client: Socket): void {
    const asker = this.#asker((client.remoteAddress ?? '').replace(/^::ffff:/, ''));
    let received = Buffer.alloc(0);
    this.#hold(client, () => client.destroy());
    const hear = (): void => void client.resume();
    const passOn = (): void => {
      client.off('data', take).off('end', passOn).off('drain', hear);
      this.#carry(client, received, asker?.servers ?? this.#servers());
    };
    const take = (data: Buffer): void => {
      received = Buffer.concat([received, data]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        const reply = this.#known(received.subarray(2, end), asker, tcpBytesMax);
        if (!reply) {
          passOn();
          return;
        }
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length, 0);
        // Who asks and asks and never reads is heard no more until it does.
        if (!client.write(Buffer.concat([length, reply]))) client.pause();
        received = received.subarray(end);
      }
    };
    client.on('data', take).on('end', passOn).on('drain', hear);
  }

  #hold(socket: Socket, failed: () => void): void {
    this.#connections.add(socket);
    socket.setTimeout(this.#limits.dnsTimeoutMs * 2, () => socket.destroy());
    socket.on('error', failed);
    socket.once('close', () => this.#connections.delete(socket));
  }

  /** To the first of the servers that takes the connection. */
  #carry(client: Socket, received: Buffer, [server, ...others]: readonly string[]): void {
    if (client.destroyed) return;
    const ended = client.readableEnded;
    if (ended && received.length === 0) return void client.end();
    if (server === undefined) return void client.destroy();
    client.pause();
    const upstream = dial({ host: server, port: this.#upstreamPort, allowHalfOpen: true });
    let isThere = false;
    this.#hold(upstream, () => isThere && client.destroy());
    upstream.setTimeout(this.#limits.dnsTimeoutMs);
    client.on('error', () => upstream.destroy());
    client.once('close', () => upstream.destroySoon());
    upstream.once('close', () => {
      if (isThere) client.destroySoon();
      else this.#carry(client, received, others);
    });
    upstream.once('connect', () => {
      isThere = true;
      upstream.setTimeout(this.#limits.dnsTimeoutMs * 2);
      upstream.write(received);
      if (ended) upstream.end();
      else client.pipe(upstream);
      upstream.pipe(client);
    });
  }
}

/** For who has no way out. */
const nobody = { code: 'failed', data: [] } as const;

/** The same id, and marked as an answer. */
function answers(question: Buffer, answer: Buffer): boolean {
  return (
    answer.length >= headerBytes &&
    answer.readUInt16BE(0) === question.readUInt16BE(0) &&
    ((answer[2] ?? 0) & 0x80) !== 0
  );
}
