import { once } from 'node:events';
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { connect, createServer, type Socket } from 'node:net';
import { newShortId, SeededRandom, systemClock } from '@kraud/base';
import { GuestClient } from '../client.ts';

/** An agent that somebody else has written: answers the preface, and then whatever it likes. */
export class HostileAgent implements AsyncDisposable {
  readonly #path = `\0kraud-hostile-agent-${newShortId()}`;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#serve(socket));
  readonly #http2 = createHttp2();

  private constructor(answer: (stream: ServerHttp2Stream, path: string) => void) {
    this.#http2.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      answer(stream, String(headers[':path']));
    });
    this.#http2.on('sessionError', () => {});
  }

  static async open(
    answer: (stream: ServerHttp2Stream, path: string) => void,
  ): Promise<{ agent: HostileAgent; guest: GuestClient }> {
    const agent = new HostileAgent(answer);
    return { agent, guest: await agent.connect() };
  }

  /** `raw`: what comes behind the preface instead of HTTP/2. */
  async connect(raw?: Buffer): Promise<GuestClient> {
    this.#raw = raw;
    if (!this.#server.listening)
      await new Promise<void>((resolve) => this.#server.listen(this.#path, resolve));
    const socket = connect(this.#path);
    await once(socket, 'connect');
    const random = new SeededRandom(1);
    return await GuestClient.open(socket, {
      clock: systemClock,
      random,
      attemptTimeoutMs: 500,
      timeoutMs: 5000,
    });
  }

  #raw: Buffer | undefined;

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', (line: Buffer) => {
      socket.pause();
      socket.write(line);
      if (this.#raw) socket.write(this.#raw);
      else this.#http2.emit('connection', socket);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
