import { KraudError, MiB } from '@kraud/base';

/**
 * What one call between hosts carries, in both directions: 1 byte kind, 4 bytes big-endian length, payload. JSON in
 * `call`, `result`, `error` and `note`; bytes in `data`; 8 bytes big-endian time in nanoseconds and bytes in
 * `stdout` and `stderr` of a log, bytes alone in those of an exec. `end`: no more data comes this way.
 *
 * | frame       | bytes             |
 * | ----------- | ----------------- |
 * | data, `hi`  | `04 00000002 6869` |
 * | end         | `05 00000000`      |
 */
export const frameKinds = ['call', 'result', 'error', 'note', 'data', 'end', 'stdout', 'stderr'] as const;
export type FrameKind = (typeof frameKinds)[number];

export interface Frame {
  readonly kind: FrameKind;
  readonly payload: Buffer;
}

/** Larger pieces are cut. */
export const dataBytesMax = 256 * 1024;
const jsonBytesMax = 32 * MiB;
const headerBytes = 5;

const bytesMaxOf = (kind: FrameKind): number =>
  kind === 'call' || kind === 'result' || kind === 'note' || kind === 'error' ? jsonBytesMax : MiB;

export function encodeFrame(kind: FrameKind, payload: Uint8Array): Buffer {
  const most = bytesMaxOf(kind);
  if (payload.length > most) {
    throw new KraudError('exhausted', `${payload.length} bytes are too many for one message between hosts`);
  }
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  frame[0] = frameKinds.indexOf(kind);
  frame.writeUInt32BE(payload.length, 1);
  frame.set(payload, headerBytes);
  return frame;
}

/** Cuts a stream of bytes, in pieces of any size, into frames. What is no frame is `corrupt`, for good. */
export class FrameDecoder {
  #held: Buffer[] = [];
  #heldBytes = 0;

  *push(chunk: Buffer): Generator<Frame, void, void> {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    while (this.#heldBytes >= headerBytes) {
      const header = this.#front(headerBytes);
      const kind = frameKinds[header[0] ?? -1];
      const length = header.readUInt32BE(1);
      if (kind === undefined || length > bytesMaxOf(kind)) {
        throw new KraudError('corrupt', 'another host sent something that is no message');
      }
      const sizeBytes = headerBytes + length;
      if (this.#heldBytes < sizeBytes) return;
      const whole = this.#front(sizeBytes);
      this.#held[0] = whole.subarray(sizeBytes);
      this.#heldBytes -= sizeBytes;
      yield { kind, payload: whole.subarray(headerBytes, sizeBytes) };
    }
  }

  /** Joins pieces until the first holds at least `length` bytes. */
  #front(length: number): Buffer {
    const first = this.#held[0];
    if (first && first.length >= length) return first;
    const joined = Buffer.concat(this.#held);
    this.#held = [joined];
    return joined;
  }
}
