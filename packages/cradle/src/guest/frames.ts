import { assert, KraudError } from '@kraud/base';

/**
 * The frames of streams that carry more than one kind of bytes: 1 byte kind, 3 bytes zero, 4 bytes big-endian
 * length, payload.
 *
 * | frame                    | bytes                                |
 * | ------------------------ | ------------------------------------ |
 * | stdin, `hi`              | `00 000000 00000002 6869`            |
 * | stdin, end               | `00 000000 00000000`                 |
 * | ack of 256               | `05 000000 00000008 0000000000000100` |
 */
export const frameKinds = {
  stdin: 0,
  stdout: 1,
  stderr: 2,
  exit: 3,
  log: 4,
  ack: 5,
  event: 6,
} as const;

export type FrameKind = keyof typeof frameKinds;

export interface Frame {
  readonly kind: FrameKind;
  readonly payload: Buffer;
}

export const frameHeaderBytes = 8;
export const framePayloadBytesMax = 1024 * 1024;
const piecesMax = 256;

const kindNames = Object.keys(frameKinds) as FrameKind[];

export function frameHeader(kind: FrameKind, length: number): Buffer {
  assert(length <= framePayloadBytesMax, `a frame of ${length} bytes`);
  const header = Buffer.alloc(frameHeaderBytes);
  header[0] = frameKinds[kind];
  header.writeUInt32BE(length, 4);
  return header;
}

export function encodeFrame(kind: FrameKind, payload: Uint8Array): Buffer {
  return Buffer.concat([frameHeader(kind, payload.length), payload]);
}

export function encodeAck(offset: bigint): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeBigUInt64BE(offset);
  return encodeFrame('ack', payload);
}

/** Cuts a stream of bytes, in pieces of any size, into frames. What is no frame is `corrupt`, for good. */
export class FrameDecoder {
  #held: Buffer[] = [];
  #heldBytes = 0;

  /** True between two frames: the stream may end here. */
  get idle(): boolean {
    return this.#heldBytes === 0;
  }

  *push(chunk: Buffer): Generator<Frame, void, void> {
    if (chunk.length > 0) this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    // Many small pieces cost far more than they hold.
    if (this.#held.length > piecesMax) this.#front(this.#heldBytes);
    while (this.#heldBytes >= frameHeaderBytes) {
      const header = this.#front(frameHeaderBytes);
      const kind = kindNames[header[0] ?? 255];
      const length = header.readUInt32BE(4);
      if (kind === undefined || header[1] || header[2] || header[3] || length > framePayloadBytesMax) {
        throw new KraudError(
          'corrupt',
          `not a frame: ${header.subarray(0, frameHeaderBytes).toString('hex')}`,
        );
      }
      const sizeBytes = frameHeaderBytes + length;
      if (this.#heldBytes < sizeBytes) return;
      const whole = this.#front(sizeBytes);
      this.#held =
        whole.length > sizeBytes ? [whole.subarray(sizeBytes), ...this.#held.slice(1)] : this.#held.slice(1);
      this.#heldBytes -= sizeBytes;
      yield { kind, payload: whole.subarray(frameHeaderBytes, sizeBytes) };
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
