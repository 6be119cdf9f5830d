import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import {
  type AddressInfo,
  createServer as createRelay,
  connect as dial,
  type Server,
  type Socket,
} from 'node:net';
import { text } from 'node:stream/consumers';
import { type Clock, SeededRandom, silentLogger, systemClock } from '@kraud/base';
import type { HostApi } from '../../contract.ts';
import { linkPrefix } from '../caller.ts';
import { linkedHost } from '../client.ts';
import { type LinkLimits, linkLimits } from '../limits.ts';
import { LinkServer } from '../server.ts';
import { tend, widen } from '../session.ts';

const portOf = (server: Server | Http2Server): number => (server.address() as AddressInfo).port;

async function listen(server: Server | Http2Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
}

/** Two hosts on one line, without TLS: `far` is `host` seen through it. */
export class LinkPair implements AsyncDisposable {
  readonly far: HostApi;
  readonly #server: Http2Server;
  readonly #parts: { readonly clock: Clock; readonly limits: LinkLimits };
  readonly #sessions = new Set<ServerHttp2Session>();
  /** The line: both ends of what it carries. */
  readonly #line: Server;
  readonly #sockets = new Set<Socket>();
  #session: ClientHttp2Session | undefined;

  private constructor(host: HostApi, server: Http2Server, limits: LinkLimits) {
    const parts = { clock: systemClock, limits };
    const link = new LinkServer({ ...parts, host, random: new SeededRandom(1), logger: silentLogger });
    this.#server = server;
    this.#parts = parts;
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('error', () => {});
    });
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      void link.serve(stream, headers);
    });
    this.#line = createRelay((near) => {
      const far = dial(portOf(server), '127.0.0.1');
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => other.destroy());
        socket.pipe(other);
      }
    });
    this.far = linkedHost(host.name, () => this.#open());
  }

  static async open(host: HostApi, limits: Partial<LinkLimits> = {}): Promise<LinkPair> {
    const server = createServer();
    await listen(server);
    const pair = new LinkPair(host, server, { ...linkLimits, ...limits });
    await listen(pair.#line);
    return pair;
  }

  /** As when the other host dies. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** As when the cable is pulled: nothing arrives any more, nothing is closed. */
  mute(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  /** The connection that was used last is known to be gone. */
  get lost(): boolean {
    return this.#session?.destroyed === true;
  }

  /** What is answered to any bytes at all. */
  async raw(call: string, bytes: Buffer): Promise<string> {
    const stream = this.#open().request({ ':method': 'POST', ':path': `${linkPrefix}${call}` });
    stream.end(bytes);
    return await text(stream);
  }

  #open(): ClientHttp2Session {
    if (!this.#session || this.#session.destroyed) {
      this.#session = connect(`http://127.0.0.1:${portOf(this.#line)}`);
      this.#session.on('error', () => {});
      widen(this.#session, this.#parts.limits);
      tend(this.#session, this.#parts);
    }
    return this.#session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session?.destroy();
    for (const session of this.#sessions) session.destroy();
    this.cut();
    for (const server of [this.#line, this.#server]) {
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  }
}
