import type { ClientHttp2Stream } from 'node:http2';
import { KraudError } from '@kraud/base';
import { exitReport } from './answers.ts';
import { connectionLost } from './error.ts';
import { encodeAck, FrameDecoder } from './frames.ts';
import { decodeLogEntry, entryFrom } from './log-frames.ts';
import { cancel } from './session.ts';
import { parse } from './shape.ts';
import type { ExitReport, LogEntry } from './types.ts';

/**
 * What a container writes, in order, from the offset asked for, without gaps or repeats. Iteration ends when the
 * container has ended and all of its output was delivered; then `exit` is set. It fails with `unavailable` when the
 * connection is lost: the container goes on, and a new one continues from the last acknowledged offset. It fails with
 * `corrupt` when the guest doesn't keep to the protocol.
 *
 * The guest keeps every entry until it is acknowledged, and a container whose log is full waits in its write.
 */
export class GuestLogs implements AsyncIterable<LogEntry> {
  readonly #stream: ClientHttp2Stream;
  #fromOffset: bigint;
  #exit: ExitReport | undefined;

  constructor(stream: ClientHttp2Stream, fromOffset: bigint) {
    this.#stream = stream;
    this.#fromOffset = fromOffset;
  }

  get exit(): ExitReport | undefined {
    return this.#exit;
  }

  /** All bytes below `offset` are durable: the guest may drop them. */
  ack(offset: bigint): void {
    if (this.#stream.writable) this.#stream.write(encodeAck(offset));
  }

  /** Sends what is acknowledged, then lets the stream go. */
  close(): void {
    if (this.#stream.writable) this.#stream.end(() => cancel(this.#stream));
    else cancel(this.#stream);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LogEntry, void, void> {
    const decoder = new FrameDecoder();
    try {
      for await (const chunk of this.#stream) {
        for (const frame of decoder.push(chunk)) {
          if (frame.kind === 'exit') {
            this.#exit = parse(frame.payload.toString('utf8'), 'an exit', exitReport);
          } else if (frame.kind === 'log') {
            const entry = entryFrom(decodeLogEntry(frame.payload), this.#fromOffset);
            if (!entry) continue;
            this.#fromOffset = entry.offset + BigInt(entry.bytes.length);
            yield entry;
          }
        }
      }
    } catch (error) {
      throw error instanceof KraudError ? error : connectionLost(error);
    }
    if (!this.#exit) throw connectionLost();
  }
}
