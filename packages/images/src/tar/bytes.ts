import { KraudError } from '@kraud/base';
import type { ByteStream } from '../contract.ts';

/** Reads a stream of chunks by count. Keeps at most one chunk, and never copies what fits in it. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Buffer = Buffer.alloc(0);
  #start = 0;
  #position = 0;

  constructor(stream: ByteStream) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** Bytes taken so far. */
  get position(): number {
    return this.#position;
  }

  /** Up to `bytesMax` bytes, whatever is at hand; undefined at the end. */
  async some(bytesMax: number): Promise<Buffer | undefined> {
    while (this.#start === this.#chunk.length) {
      const next = await this.#chunks.next();
      if (next.done) return undefined;
      this.#chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
      this.#start = 0;
    }
    const end = Math.min(this.#chunk.length, this.#start + bytesMax);
    const part = this.#chunk.subarray(this.#start, end);
    this.#start = end;
    this.#position += part.length;
    return part;
  }

  /** Exactly `count` bytes, or undefined if the stream was at its end; ending in between is `corrupt`. */
  async exactly(count: number, what: string): Promise<Buffer | undefined> {
    const first = await this.some(count);
    if (first === undefined) return count === 0 ? Buffer.alloc(0) : undefined;
    if (first.length === count) return first;
    const parts = [first];
    let missing = count - first.length;
    while (missing > 0) {
      const part = await this.some(missing);
      if (part === undefined) throw truncated(what);
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts, count);
  }

  async skip(count: number, what: string): Promise<void> {
    for (let missing = count; missing > 0; ) {
      const inChunk = this.#chunk.length - this.#start;
      if (inChunk > 0) {
        const step = Math.min(inChunk, missing);
        this.#start += step;
        this.#position += step;
        missing -= step;
        continue;
      }
      const part = await this.some(missing);
      if (part === undefined) throw truncated(what);
      missing -= part.length;
    }
  }

  /** Reads on to the end, so that whoever hashes the stream sees all of it. */
  async drain(): Promise<void> {
    while ((await this.some(Number.MAX_SAFE_INTEGER)) !== undefined) {}
  }

  /** Lets the source know that nobody reads on. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

function truncated(what: string): KraudError {
  return new KraudError('corrupt', `the archive is truncated: it ends inside ${what}`);
}
