import { KraudError } from '@kraud/base';

/** Where the parts of a stream go. What is handed over is only good until the next chunk. */
export interface SplitterSink {
  /** Bytes of the guest's memory, from `at` on: a page, or a part of one. */
  memory(at: number, bytes: Buffer): void;
  /** A page that was written before is all zeroes. */
  zeroes(at: number): void;
  /** What else there is, in order. */
  state(bytes: Buffer): void;
}

export const pageBytes = 4096;

const magic = 0x5145564d;
const version = 3;
/** What a section begins with. */
const section = {
  start: 1,
  part: 2,
  end: 3,
  subsection: 5,
  configuration: 7,
  command: 8,
  footer: 0x7e,
} as const;
/** Told to who loads the stream, from QEMU 10 on: what comes now is of a VM that has stopped. */
const switchoverStart = 11;
/** In the lower bits of a page's address. */
const flag = { zero: 0x02, blocks: 0x04, page: 0x08, end: 0x10, sameBlock: 0x20 } as const;
const configurationBytesMax = 64;
const blocksMax = 64;
/** How often a page may come, on average: a VM that stands still has no reason to send one again. */
const sendsMax = 4;

type Step = () => boolean;

/**
 * Takes QEMU's migration stream of a VM with private memory apart, while it comes: the pages of the one block of RAM that is the
 * guest's memory, and the rest, which together with these is what a template has. The rest is passed on as it is, with the pages
 * of other blocks (firmware) and everything after the RAM sections, which comes before all devices. With 32-bit numbers big-endian:
 *
 *     file           "QEVM" version:32  configuration?  (ram-section | switchover)*  ANYTHING
 *     configuration  07 length:32 machine  (05 name version:32 count:32 name*)?
 *     ram-section    (01 id:32 name instance:32 version:32 | 02 id:32 | 03 id:32)  record*  7e id:32      03 is the last one
 *     switchover     08 11:16 0:16                                             a command without data, from QEMU 10 on
 *     record         address+10:64                                             the end of the section's records
 *                    total+04:64  (name length:64 address:64)*                 the blocks, until they have `total` bytes
 *                    address+flags:64 name?  (02: fill:8 | 08: 4096 bytes)     a page; with flag 20 of the same block as the last one
 *     name           length:8 bytes
 *
 * Whatever isn't just that is refused: with `corrupt`, and with what it is.
 */
export class Splitter {
  readonly #memoryBytes: number;
  readonly #sink: SplitterSink;
  /** Of each page of the guest's memory: whether it came, and whether it was something else than zeroes. */
  readonly #came: Uint8Array;
  readonly #written: Uint8Array;
  #missing: number;
  #sends = 0;
  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;
  #step: Step = () => this.#file();
  #passedFrom = 0;
  #ramId: number | undefined;
  #last = false;
  #leftOfBlocks = 0;
  readonly #blocks = new Map<string, number>();
  #memoryBlock: string | undefined;
  #block: string | undefined;
  #page: { readonly ofMemory: boolean; readonly at: number; done: number } | undefined;

  constructor(memoryBytes: number, sink: SplitterSink) {
    this.#memoryBytes = memoryBytes;
    this.#sink = sink;
    this.#missing = memoryBytes / pageBytes;
    this.#came = new Uint8Array(this.#missing);
    this.#written = new Uint8Array(this.#missing);
  }

  push(chunk: Buffer): void {
    const rest = this.#chunk.subarray(this.#at);
    this.#chunk = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    this.#at = 0;
    this.#passedFrom = 0;
    while (this.#at < this.#chunk.length && this.#step());
    this.#pass(this.#at);
  }

  /** After the last chunk. */
  end(): void {
    if (this.#step !== this.#through) throw refused('it ends in the middle');
  }

  /** Bytes up to here, which no one has had yet, are the rest's. */
  #pass(until: number): void {
    if (until > this.#passedFrom) this.#sink.state(this.#chunk.subarray(this.#passedFrom, until));
    this.#passedFrom = until;
  }

  /** These bytes are nobody's. */
  #skip(bytes: number): void {
    this.#pass(this.#at);
    this.#at += bytes;
    this.#passedFrom = this.#at;
  }

  #has(bytes: number): boolean {
    return this.#chunk.length - this.#at >= bytes;
  }

  /** Bytes that the name at this distance takes, once it is all there. */
  #nameBytes(from: number): number | undefined {
    if (!this.#has(from + 1)) return undefined;
    const bytes = 1 + (this.#chunk[this.#at + from] ?? 0);
    return this.#has(from + bytes) ? bytes : undefined;
  }

  #name(from: number, bytes: number): string {
    return this.#chunk.toString('latin1', this.#at + from + 1, this.#at + from + bytes);
  }

  #u32(from: number): number {
    return this.#chunk.readUInt32BE(this.#at + from);
  }

  #u64(from: number): number {
    return this.#u32(from) * 2 ** 32 + this.#u32(from + 4);
  }

  #file(): boolean {
    if (!this.#has(8)) return false;
    if (this.#u32(0) !== magic || this.#u32(4) !== version) throw refused('it has another format');
    this.#at += 8;
    this.#step = this.#section;
    return true;
  }

  readonly #section = (): boolean => {
    const kind = this.#chunk[this.#at];
    switch (kind) {
      case section.configuration:
        return this.#configuration();
      case section.subsection:
        return this.#capabilities();
      case section.command:
        return this.#command();
      case section.start:
        return this.#start();
      case section.part:
      case section.end:
        if (!this.#has(5)) return false;
        if (this.#u32(1) !== this.#ramId)
          throw refused(`it has a section ${this.#u32(1)} among those of RAM`);
        this.#last = kind === section.end;
        this.#at += 5;
        this.#step = this.#record;
        return true;
      default:
        throw refused(`it has a section of kind ${kind} before the end of RAM`);
    }
  };

  #configuration(): boolean {
    if (!this.#has(5)) return false;
    const bytes = this.#u32(1);
    if (bytes > configurationBytesMax) throw refused(`its configuration has ${bytes} bytes`);
    if (!this.#has(5 + bytes)) return false;
    this.#at += 5 + bytes;
    return true;
  }

  /** What the stream was made with; anything beside what we ask for might change its format. */
  #capabilities(): boolean {
    const nameBytes = this.#nameBytes(1);
    if (nameBytes === undefined) return false;
    const name = this.#name(1, nameBytes);
    if (name !== 'configuration/capabilities') throw refused(`it has a part ${name}`);
    let bytes = 1 + nameBytes + 8;
    if (!this.#has(bytes)) return false;
    const count = this.#u32(bytes - 4);
    if (count > 1) throw refused(`it has ${count} capabilities`);
    if (count === 1) {
      const capabilityBytes = this.#nameBytes(bytes);
      if (capabilityBytes === undefined) return false;
      const capability = this.#name(bytes, capabilityBytes);
      if (capability !== 'x-ignore-shared') throw refused(`it has the capability ${capability}`);
      bytes += capabilityBytes;
    }
    this.#at += bytes;
    return true;
  }

  #command(): boolean {
    if (!this.#has(5)) return false;
    const command = this.#chunk.readUInt16BE(this.#at + 1);
    const bytes = this.#chunk.readUInt16BE(this.#at + 3);
    if (command !== switchoverStart || bytes !== 0)
      throw refused(`it has a command ${command} with ${bytes} bytes before the end of RAM`);
    this.#at += 5;
    return true;
  }

  #start(): boolean {
    const nameBytes = this.#nameBytes(5);
    if (nameBytes === undefined || !this.#has(5 + nameBytes + 8)) return false;
    const name = this.#name(5, nameBytes);
    if (name !== 'ram' || this.#ramId !== undefined)
      throw refused(`it has a section ${name} before the end of RAM`);
    this.#ramId = this.#u32(1);
    this.#at += 5 + nameBytes + 8;
    this.#step = this.#record;
    return true;
  }

  readonly #record = (): boolean => {
    if (!this.#has(8)) return false;
    const low = this.#u32(4);
    const flags = low % pageBytes;
    const address = this.#u64(0) - flags;
    switch (flags) {
      case flag.end:
        this.#at += 8;
        this.#step = this.#footer;
        return true;
      case flag.blocks:
        if (this.#blocks.size > 0) throw refused('it lists its blocks twice');
        this.#leftOfBlocks = address;
        this.#at += 8;
        this.#step = this.#listed;
        return true;
      case flag.zero:
      case flag.page:
      case flag.zero | flag.sameBlock:
      case flag.page | flag.sameBlock:
        return this.#pageHead(address, flags);
      default:
        throw refused(`it has a record of kind ${flags} in RAM`);
    }
  };

  readonly #listed = (): boolean => {
    const nameBytes = this.#nameBytes(0);
    if (nameBytes === undefined || !this.#has(nameBytes + 16)) return false;
    const name = this.#name(0, nameBytes);
    const length = this.#u64(nameBytes);
    if (this.#blocks.size === blocksMax) throw refused(`it has more than ${blocksMax} blocks`);
    if (length === 0 || length > this.#leftOfBlocks || this.#blocks.has(name)) {
      throw refused(`its block ${name} does not add up`);
    }
    this.#blocks.set(name, length);
    this.#leftOfBlocks -= length;
    if (length === this.#memoryBytes) {
      if (this.#memoryBlock !== undefined) throw refused('it has two blocks that might be the memory');
      this.#memoryBlock = name;
    }
    this.#at += nameBytes + 16;
    if (this.#leftOfBlocks > 0) return true;
    if (this.#memoryBlock === undefined) throw refused(`none of its blocks has ${this.#memoryBytes} bytes`);
    this.#step = this.#record;
    return true;
  };

  #pageHead(address: number, flags: number): boolean {
    let bytes = 8;
    let block = this.#block;
    if (!(flags & flag.sameBlock)) {
      const nameBytes = this.#nameBytes(8);
      if (nameBytes === undefined) return false;
      block = this.#name(8, nameBytes);
      bytes += nameBytes;
    }
    const zero = (flags & flag.zero) !== 0;
    if (zero) {
      if (!this.#has(bytes + 1)) return false;
      if (this.#chunk[this.#at + bytes] !== 0)
        throw refused('it has a page that is filled, but not with zeroes');
      bytes += 1;
    }
    const length = block === undefined ? undefined : this.#blocks.get(block);
    if (length === undefined || address + pageBytes > length)
      throw refused(`it has a page at ${address} of no block`);
    this.#block = block;
    const ofMemory = block === this.#memoryBlock;
    if (ofMemory) {
      this.#skip(bytes);
      this.#note(address, zero);
    } else this.#at += bytes;
    if (!zero) {
      this.#page = { ofMemory, at: address, done: 0 };
      this.#step = this.#pageBody;
    }
    return true;
  }

  #note(address: number, zero: boolean): void {
    const page = address / pageBytes;
    this.#sends += 1;
    if (this.#sends > sendsMax * this.#came.length) throw refused('it sends its memory again and again');
    if (this.#came[page] === 0) this.#missing -= 1;
    this.#came[page] = 1;
    if (zero && this.#written[page] === 1) this.#sink.zeroes(address);
    this.#written[page] = zero ? 0 : 1;
  }

  readonly #pageBody = (): boolean => {
    const page = this.#page;
    if (!page) throw new KraudError('internal', 'no page');
    const bytes = Math.min(pageBytes - page.done, this.#chunk.length - this.#at);
    if (page.ofMemory) {
      const from = this.#at;
      this.#skip(bytes);
      this.#sink.memory(page.at + page.done, this.#chunk.subarray(from, from + bytes));
    } else this.#at += bytes;
    page.done += bytes;
    if (page.done === pageBytes) this.#step = this.#record;
    return true;
  };

  readonly #footer = (): boolean => {
    if (!this.#has(5)) return false;
    if (this.#chunk[this.#at] !== section.footer || this.#u32(1) !== this.#ramId)
      throw refused('a section does not end');
    this.#at += 5;
    if (this.#last && this.#missing > 0)
      throw refused(`it lacks ${this.#missing} of ${this.#came.length} pages`);
    this.#step = this.#last ? this.#through : this.#section;
    return true;
  };

  readonly #through = (): boolean => {
    this.#at = this.#chunk.length;
    return true;
  };
}

const refused = (why: string): KraudError =>
  new KraudError('corrupt', `the VM's state can't be taken apart: ${why}`);
