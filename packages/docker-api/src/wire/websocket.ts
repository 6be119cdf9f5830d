import { Readable } from 'node:stream';
import { KraudError } from '@kraud/base';
import type { WebSocket } from 'ws';
import type { Call } from '../call.ts';
import { HttpFault } from '../errors.ts';
import type { Client } from './client.ts';

/** From this minor version on output comes in binary messages; before, it was said to be text. */
const binaryFrom = 28;

/** A session over a websocket: each message is a piece of the stream, and nothing says which of the outputs it is of. */
export class WebSocketClient implements Client {
  readonly input: Readable;
  readonly #socket: WebSocket;
  readonly #binary: boolean;
  readonly #gone = new AbortController();

  private constructor(socket: WebSocket, binary: boolean) {
    this.#socket = socket;
    this.#binary = binary;
    const input = new Readable({ read: () => socket.resume() });
    this.input = input;
    socket.on('message', (data: Buffer) => {
      if (!input.push(data)) socket.pause();
    });
    // What breaks the protocol closes the connection as well.
    socket.on('error', () => {});
    socket.once('close', () => {
      input.push(null);
      this.#gone.abort();
    });
  }

  /** Answers the handshake. A request that isn't one is told so, by its status. */
  static async accept(call: Call): Promise<WebSocketClient> {
    const { upgrade, req, res } = call;
    if (!upgrade || req.headers.upgrade?.toLowerCase() !== 'websocket') {
      throw new HttpFault(400, 'attach over a websocket needs a websocket handshake');
    }
    // Few clients ask for it, and none pays for it before one does.
    const { WebSocketServer } = await import('ws');
    const server = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: call.serving.limits.webSocketMessageBytesMax,
    });
    server.on('headers', (headers: string[]) => {
      for (const [name, value] of Object.entries(res.getHeaders())) headers.push(`${name}: ${String(value)}`);
    });
    const socket = await new Promise<WebSocket>((resolve, reject) => {
      server.once('wsClientError', (error: Error) => reject(new HttpFault(400, error.message)));
      server.handleUpgrade(req, upgrade.socket, upgrade.head, resolve);
    });
    res.detachSocket(req.socket);
    return new WebSocketClient(socket, call.minor >= binaryFrom);
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  send(data: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(data, { binary: this.#binary }, (error) => {
        if (error) reject(new KraudError('canceled', 'the reader went away', { cause: error }));
        else resolve();
      });
    });
  }

  end(): void {
    this.input.resume();
    this.#socket.close();
  }
}
