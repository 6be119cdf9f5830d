import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import { KraudError } from '@kraud/base';
import { connectionLost, guestError } from './error.ts';
import { Pieces } from './pieces.ts';
import { parse, type Reader } from './shape.ts';

export interface Call {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, instead of a `body`. */
  readonly bytes?: Buffer;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly stream: ClientHttp2Stream;
  readonly headers: IncomingHttpHeaders;
}

const windowBytes = 256 * 1024;
const sessionWindowBytes = 16 * 1024 * 1024;
const errorBodyBytesMax = 64 * 1024;
/** Of a list of processes or changes; all others are small. */
const answerBytesMax = 16 * 1024 * 1024;

/** One HTTP/2 session with the agent. Every failure of a call is a `KraudError`. */
export class GuestSession {
  readonly #session: ClientHttp2Session;
  #closing = false;
  /** Resolves when the session is over, for whatever reason. */
  readonly closed: Promise<void>;

  constructor(duplex: Duplex) {
    this.#session = connect('http://guest', {
      createConnection: () => duplex,
      settings: { enablePush: false, initialWindowSize: windowBytes },
      maxSessionMemory: 64,
    });
    this.closed = new Promise((resolve) => {
      this.#session.once('close', () => resolve());
    });
    this.#session.once('connect', () => {
      if (!this.#session.destroyed) this.#session.setLocalWindowSize(sessionWindowBytes);
    });
    // Each call learns of it by its own stream's end.
    this.#session.on('error', () => {});
  }

  /**
   * Calls fail from now on. What the socket held when the session began is handed over on a later tick, which would
   * throw out of nowhere if the session were gone by then (Node 24.21): so it goes after that.
   */
  close(): void {
    this.#closing = true;
    setImmediate(() => this.#session.destroy());
  }

  /** A stream whose request goes on; it is handed out once the agent has accepted the call. */
  open(call: Call, begin?: (stream: ClientHttp2Stream) => void): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (call.signal?.aborted) return reject(call.signal.reason);
      if (this.#closing || this.#session.closed || this.#session.destroyed) return reject(connectionLost());
      const whole = call.bytes ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
      const stream = this.#session.request(
        { ':method': call.method, ':path': call.path },
        { endStream: begin === undefined && whole === undefined },
      );
      let failure: unknown;
      const onAbort = () => cancel(stream);
      call.signal?.addEventListener('abort', onAbort, { once: true });
      stream.on('error', (error) => {
        failure = error;
      });
      stream.once('close', () => {
        call.signal?.removeEventListener('abort', onAbort);
        reject(call.signal?.aborted ? call.signal.reason : connectionLost(failure));
      });
      stream.once('response', (headers) => {
        const status = headers[':status'] ?? 500;
        if (status < 400) return resolve({ stream, headers });
        if (call.method === 'HEAD') {
          reject(guestError(status, String(headers['x-kraud-error'])));
          return cancel(stream);
        }
        readText(stream, errorBodyBytesMax).then(
          (text) => reject(guestError(status, text)),
          (error) => reject(connectionLost(error)),
        );
        if (!stream.writableEnded) stream.end();
      });
      begin?.(stream);
      if (whole !== undefined) stream.end(whole);
    });
  }

  async json<T>(call: Call, read: Reader<T>, begin?: (stream: ClientHttp2Stream) => void): Promise<T> {
    const { stream } = await this.open(call, begin);
    const text = await readText(stream, answerBytesMax);
    // What a reset cut off is no answer, and not the agent's fault.
    if (stream.rstCode !== 0) throw connectionLost();
    return parse(text, `${call.method} ${call.path.replace(/\?.*/, '')}`, read);
  }
}

/**
 * Gives a call up. One that has ended both ways is left alone, one that goes on is reset: closing a stream with no
 * error code just after its `end()` makes Node's HTTP/2 (24.21) write empty frames without end.
 */
export function cancel(stream: ClientHttp2Stream): void {
  if (stream.closed || stream.destroyed || (stream.readableEnded && stream.writableEnded)) return;
  stream.close(constants.NGHTTP2_CANCEL);
}

async function readText(stream: ClientHttp2Stream, bytesMax: number): Promise<string> {
  const pieces = new Pieces();
  for await (const chunk of stream) {
    pieces.push(chunk);
    if (pieces.bytes <= bytesMax) continue;
    cancel(stream);
    throw new KraudError('corrupt', `the guest agent's answer is larger than ${bytesMax} bytes`);
  }
  return pieces.joined().toString('utf8');
}
