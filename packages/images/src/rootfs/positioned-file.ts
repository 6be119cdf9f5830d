import type { FileHandle } from 'node:fs/promises';

const bufferBytes = 1 << 20;
/** Shorter gaps are filled with zeros in the buffer instead of ending it. */
const gapBytesMax = 4_096;

/**
 * Writes at ascending positions, many small pieces in few system calls. What is left out stays a hole.
 */
export class PositionedFile {
  readonly #file: FileHandle;
  readonly #buffer = Buffer.alloc(bufferBytes);
  #start = 0;
  #length = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    const gap = position - (this.#start + this.#length);
    if (gap < 0 || gap > gapBytesMax || this.#length + gap + bytes.length > bufferBytes) {
      await this.flush();
      this.#start = position;
    } else {
      this.#buffer.fill(0, this.#length, this.#length + gap);
      this.#length += gap;
    }
    if (bytes.length >= bufferBytes) {
      await this.#writeAll(bytes, position);
      this.#start = position + bytes.length;
      return;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  async flush(): Promise<void> {
    await this.#writeAll(this.#buffer.subarray(0, this.#length), this.#start);
    this.#start += this.#length;
    this.#length = 0;
  }

  async #writeAll(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  }
}
