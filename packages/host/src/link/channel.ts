import { constants, type Http2Stream } from 'node:http2';
import { KraudError } from '@kraud/base';
import type { Static, TSchema } from 'typebox';
import { check, parseJson } from './check.ts';
import { errorFrom, linkLost } from './error.ts';
import { dataBytesMax, encodeFrame, type Frame, FrameDecoder, type FrameKind } from './frames.ts';

/**
 * One call between two hosts, as either end sees it: frames in both directions, each no faster than the other end
 * takes them. Everything fails with `unavailable` once the connection is lost, and with the signal's reason once that
 * is aborted; abort and `cancel` are seen at the other end as the end of `signal`.
 */
export class Channel {
  readonly #stream: Http2Stream;
  readonly #frames: AsyncGenerator<Frame, void, void>;
  readonly #gone = new AbortController();
  readonly #signal: AbortSignal | undefined;

  constructor(stream: Http2Stream, signal?: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    this.#frames = framesOf(stream);
    const onAbort = (): void => this.cancel();
    signal?.addEventListener('abort', onAbort, { once: true });
    // Whoever reads or writes learns of it.
    stream.on('error', () => {});
    stream.once('close', () => {
      signal?.removeEventListener('abort', onAbort);
      this.#gone.abort(this.#lost());
    });
    if (signal?.aborted) this.cancel();
  }

  /** Aborted once the call is over, in whatever way. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Resolves when there is room for more. */
  async send(kind: FrameKind, payload: Uint8Array = Buffer.alloc(0)): Promise<void> {
    if (!this.#stream.writable || this.signal.aborted) throw this.#lost();
    if (this.#stream.write(encodeFrame(kind, payload))) return;
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        this.#stream.off('drain', settle);
        this.#stream.off('close', settle);
        if (this.#stream.destroyed) reject(this.#lost());
        else resolve();
      };
      this.#stream.once('drain', settle);
      this.#stream.once('close', settle);
    });
  }

  async sendJson(kind: 'call' | 'result' | 'error' | 'note', value: unknown): Promise<void> {
    await this.send(kind, Buffer.from(JSON.stringify(value ?? null)));
  }

  /** Bytes of any length. */
  async sendData(bytes: Uint8Array, kind: 'data' | 'stdout' | 'stderr' = 'data'): Promise<void> {
    for (let at = 0; at < bytes.length; at += dataBytesMax) {
      await this.send(kind, bytes.subarray(at, at + dataBytesMax));
    }
  }

  /** The next frame; a fault that the other end tells is thrown. There is always one, until this end has what it waits for. */
  async receive(): Promise<Frame> {
    const next = await this.#next();
    if (next.kind === 'error') throw errorFrom(parseJson(next.payload));
    return next;
  }

  /** The answer, after any notes. */
  async result<S extends TSchema>(schema: S, onNote?: (note: unknown) => void): Promise<Static<S>> {
    for (;;) {
      const { kind, payload } = await this.receive();
      if (kind === 'result') return check(schema, parseJson(payload));
      if (kind !== 'note' || !onNote) throw unexpected(kind);
      onNote(parseJson(payload));
    }
  }

  /** Nothing more goes out from here; what comes in still does. */
  finish(): void {
    if (this.#stream.writable) this.#stream.end();
  }

  /** The call is over here, and what was sent still arrives. What comes in is thrown away. */
  done(): void {
    this.finish();
    const drain = async (): Promise<void> => {
      while (!(await this.#frames.next()).done);
    };
    // A call that breaks now is over all the same.
    drain()
      .catch(() => {})
      .finally(() => this.#stream.resume());
  }

  /**
   * Gives the call up. One that has ended both ways is left alone, one that goes on is reset: closing a stream with no
   * error code just after its `end()` makes Node's HTTP/2 (24.21) write empty frames without end.
   */
  cancel(): void {
    const stream = this.#stream;
    if (stream.closed || stream.destroyed || (stream.readableEnded && stream.writableEnded)) return;
    stream.close(constants.NGHTTP2_CANCEL);
  }

  async #next(): Promise<Frame> {
    try {
      const next = await this.#frames.next();
      if (!next.done) return next.value;
    } catch (error) {
      if (error instanceof KraudError) throw error;
      throw this.#lost(error);
    }
    throw this.#lost();
  }

  #lost(cause?: unknown): unknown {
    return this.#signal?.aborted ? this.#signal.reason : linkLost(cause);
  }
}

export function unexpected(kind: FrameKind): KraudError {
  return new KraudError('corrupt', `another host sent an unexpected ${kind}`);
}

async function* framesOf(stream: Http2Stream): AsyncGenerator<Frame, void, void> {
  const decoder = new FrameDecoder();
  // A peer that sends nonsense is still told so.
  const chunks: AsyncIterable<Buffer> = stream.iterator({ destroyOnReturn: false });
  for await (const chunk of chunks) yield* decoder.push(chunk);
}
