import type { ClientHttp2Stream } from 'node:http2';
import { Writable } from 'node:stream';
import { KraudError } from '@kraud/base';
import { exitReport } from './answers.ts';
import { connectionLost } from './error.ts';
import { encodeFrame, FrameDecoder, frameHeader } from './frames.ts';
import { cancel } from './session.ts';
import { parse } from './shape.ts';
import type { ExitReport } from './types.ts';

export interface ExecOutput {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}

const stdinFrameBytesMax = 64 * 1024;

/**
 * A process started by `exec`. Its output is read by iterating, once, at the reader's own pace; `exit` settles when
 * the iteration has come to its end, and rejects with `unavailable` if the connection is lost before.
 */
export class GuestExec implements AsyncIterable<ExecOutput> {
  readonly pid: number;
  /** Ending it closes the process' stdin (not on a terminal). */
  readonly stdin: Writable;
  readonly exit: Promise<ExitReport>;
  readonly #stream: ClientHttp2Stream;
  #settle: { resolve: (report: ExitReport) => void; reject: (error: unknown) => void };

  constructor(stream: ClientHttp2Stream, pid: number) {
    this.#stream = stream;
    this.pid = pid;
    const { promise, resolve, reject } = Promise.withResolvers<ExitReport>();
    this.exit = promise;
    this.#settle = { resolve, reject };
    promise.catch(() => {});
    this.stdin = stdinOf(stream);
  }

  /** Lets go of the process' streams; it learns of it when it next uses them. */
  close(): void {
    cancel(this.#stream);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ExecOutput, void, void> {
    const decoder = new FrameDecoder();
    let report: ExitReport | undefined;
    try {
      for await (const chunk of this.#stream) {
        for (const frame of decoder.push(chunk)) {
          if (frame.kind === 'exit') {
            report = parse(frame.payload.toString('utf8'), 'an exit', exitReport);
            this.#settle.resolve(report);
          } else if (frame.kind === 'stdout' || frame.kind === 'stderr') {
            yield { stream: frame.kind, bytes: frame.payload };
          }
        }
      }
      if (!report) throw connectionLost();
    } catch (error) {
      const fault = error instanceof KraudError ? error : connectionLost(error);
      this.#settle.reject(fault);
      throw fault;
    } finally {
      this.#settle.reject(connectionLost());
      if (!this.#stream.writableEnded) this.#stream.end();
    }
  }
}

function stdinOf(stream: ClientHttp2Stream): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, callback) {
      // The process may have ended: what is written to it then is dropped, as a closed pipe does.
      if (!stream.writable) return callback();
      for (let at = 0; at < chunk.length; at += stdinFrameBytesMax) {
        const part = chunk.subarray(at, at + stdinFrameBytesMax);
        const last = at + stdinFrameBytesMax >= chunk.length;
        stream.write(encodeFrame('stdin', part), () => {
          if (last) callback();
        });
      }
      if (chunk.length === 0) callback();
    },
    final(callback) {
      if (!stream.writable) return callback();
      stream.end(frameHeader('stdin', 0), () => callback());
    },
  });
}
