import { assert } from '@kraud/base';

const varint = 0;
const bytes = 2;

/**
 * Writes protobuf fields by number. A field that is `undefined` is left out; every other one is written, zero too,
 * so that a `oneof` tells which of its members was meant.
 *
 * | field         | value  | bytes            |
 * | ------------- | ------ | ---------------- |
 * | 1, whole      | 300    | `08 ac 02`       |
 * | 2, flag       | true   | `10 01`          |
 * | 3, text       | `hi`   | `1a 02 68 69`    |
 */
export class Writer {
  #buffer = Buffer.allocUnsafe(512);
  #end = 0;

  whole(field: number, value: number | undefined): void {
    if (value === undefined) return;
    assert(Number.isSafeInteger(value) && value >= 0, `not a number to write: ${value}`);
    this.#varint(field * 8 + varint);
    this.#varint(value);
  }

  /** A number with all of its 64 bits. */
  wide(field: number, value: bigint): void {
    this.#varint(field * 8 + varint);
    let rest = value;
    for (; rest >= 128n; rest >>= 7n) this.#byte(Number(rest & 0x7fn) | 0x80);
    this.#byte(Number(rest));
  }

  flag(field: number, value: boolean | undefined): void {
    if (value !== undefined) this.whole(field, value ? 1 : 0);
  }

  text(field: number, value: string | undefined): void {
    if (value === undefined) return;
    const length = Buffer.byteLength(value);
    this.#varint(field * 8 + bytes);
    this.#varint(length);
    this.#room(length);
    this.#buffer.write(value, this.#end);
    this.#end += length;
  }

  message<T>(field: number, value: T | undefined, write: (writer: Writer, value: T) => void): void {
    if (value === undefined) return;
    this.#varint(field * 8 + bytes);
    // Most messages are short: one byte is kept for the length, and the content is moved if it needs more.
    const start = this.#end + 1;
    this.#room(1);
    this.#end = start;
    write(this, value);
    const length = this.#end - start;
    const extra = sizeOf(length) - 1;
    this.#room(extra);
    if (extra > 0) this.#buffer.copyWithin(start + extra, start, this.#end);
    this.#end = start - 1;
    this.#varint(length);
    this.#end += length;
  }

  messages<T>(field: number, values: readonly T[], write: (writer: Writer, value: T) => void): void {
    for (const value of values) this.message(field, value, write);
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#end);
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#byte((rest % 128) | 0x80);
    this.#byte(rest);
  }

  #byte(value: number): void {
    if (this.#end === this.#buffer.length) this.#room(1);
    this.#buffer[this.#end] = value;
    this.#end += 1;
  }

  #room(length: number): void {
    if (this.#end + length <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#end + length));
    this.#buffer.copy(larger, 0, 0, this.#end);
    this.#buffer = larger;
  }
}

/** How many bytes a length takes. */
function sizeOf(length: number): number {
  let size = 1;
  for (let rest = length; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
}
