import { KraudError } from '@kraud/base';

/**
 * Reads protobuf fields by number; `Writer` shows the encoding. What breaks off, or is not protobuf, is `corrupt`.
 */
export class Reader {
  readonly #buffer: Buffer;
  #at: number;
  #end: number;
  #wireType = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
    this.#at = 0;
    this.#end = buffer.length;
  }

  /** Calls `field` with the number of each field; it reads the value with one call of the methods below. */
  fields(field: (number: number) => void): void {
    while (this.#at < this.#end) {
      const tag = this.whole();
      this.#wireType = tag % 8;
      field(Math.floor(tag / 8));
    }
  }

  /** A number that fits: revisions, versions, leases of ours. A negative one too. */
  whole(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i += 1) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return safe(value);
      scale *= 128;
    }
    this.#at -= 8;
    return safe(Number(BigInt.asIntN(64, this.wide())));
  }

  /** A number with all of its 64 bits, unsigned. */
  wide(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw broken();
  }

  flag(): boolean {
    return this.whole() !== 0;
  }

  text(): string {
    const [start, end] = this.#span();
    return this.#buffer.toString('utf8', start, end);
  }

  message<T>(read: (reader: Reader) => T): T {
    const [start, end] = this.#span();
    const outer = this.#end;
    this.#at = start;
    this.#end = end;
    const value = read(this);
    this.#at = end;
    this.#end = outer;
    return value;
  }

  /** Passes over a value that nobody wants. */
  skip(): void {
    if (this.#wireType === 0) this.wide();
    else if (this.#wireType === 1) this.#pass(8);
    else if (this.#wireType === 2) this.#span();
    else if (this.#wireType === 5) this.#pass(4);
    else throw broken();
  }

  #span(): [start: number, end: number] {
    const length = this.whole();
    const start = this.#at;
    this.#pass(length);
    return [start, this.#at];
  }

  #pass(length: number): void {
    if (length < 0 || this.#at + length > this.#end) throw broken();
    this.#at += length;
  }

  #byte(): number {
    const byte = this.#at < this.#end ? this.#buffer[this.#at] : undefined;
    if (byte === undefined) throw broken();
    this.#at += 1;
    return byte;
  }
}

function safe(value: number): number {
  if (!Number.isSafeInteger(value))
    throw new KraudError('corrupt', `a number from etcd is too large: ${value}`);
  return value;
}

function broken(): KraudError {
  return new KraudError('corrupt', 'a message from etcd breaks off, or is not one');
}
