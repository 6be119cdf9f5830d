import { KraudError, MiB } from '@kraud/base';
import type { ByteStream } from '../contract.ts';
import { ByteReader } from './bytes.ts';
import type { EntryType, TarEntry } from './entry.ts';
import { blockBytes, parseHeader, type RawHeader } from './header.ts';
import { type PaxRecords, parsePax, paxNumber, paxText, paxTime, sparsePairsKey } from './pax.ts';
import { parsePairs, placeExtents, readGnuSparse, readSparseMap } from './sparse.ts';

/** What a long name or a PAX header may take, as in Go's reader. */
const metaBytesMax = MiB;
const xattrPrefix = 'SCHILY.xattr.';

const types: Record<string, EntryType> = {
  '0': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'dir',
  '6': 'fifo',
  '7': 'file',
  S: 'file',
};

/**
 * Reads ustar, GNU and PAX archives, one entry after the other: `next`, then `body` if the content matters.
 * Bounded memory: one chunk of the stream and one entry's names. Malformed or truncated archives are `corrupt`.
 * As in Go, an archive may end without its end mark, but not inside an entry.
 */
export class TarReader {
  readonly #reader: ByteReader;
  #bodyLeft = 0;
  #padLeft = 0;
  #global: PaxRecords = new Map();
  #started = false;

  constructor(stream: ByteStream) {
    this.#reader = new ByteReader(stream);
  }

  /** Undefined at the end, once the stream has been read to its last byte. */
  async next(): Promise<TarEntry | undefined> {
    let local: PaxRecords = new Map();
    let longName: string | undefined;
    let longLink: string | undefined;
    for (;;) {
      await this.#skipBody();
      const block = await this.#reader.exactly(blockBytes, 'a header');
      if (!block && !this.#started) throw new KraudError('corrupt', 'the archive is empty');
      this.#started = true;
      const header = block && parseHeader(block);
      if (!header) {
        await this.#reader.drain();
        return undefined;
      }
      if (header.type === 'x') local = parsePax(await this.#meta(header));
      else if (header.type === 'g')
        this.#global = new Map([...this.#global, ...parsePax(await this.#meta(header))]);
      else if (header.type === 'L') longName = cString(await this.#meta(header));
      else if (header.type === 'K') longLink = cString(await this.#meta(header));
      else if (header.type === 'V') this.#expect(header.sizeBytes);
      else {
        const records = this.#global.size === 0 ? local : new Map([...this.#global, ...local]);
        return await this.#entry(header, block, records, longName, longLink);
      }
    }
  }

  /** The content of the entry that `next` gave last, as stored (sparse files without their holes). */
  async *body(): AsyncGenerator<Buffer, void, void> {
    while (this.#bodyLeft > 0) {
      const part = await this.#reader.some(this.#bodyLeft);
      if (!part) throw new KraudError('corrupt', 'the archive is truncated: it ends inside a file');
      this.#bodyLeft -= part.length;
      yield part;
    }
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  async #skipBody(): Promise<void> {
    await this.#reader.skip(this.#bodyLeft + this.#padLeft, 'a file');
    this.#bodyLeft = 0;
    this.#padLeft = 0;
  }

  #expect(storedBytes: number): void {
    this.#bodyLeft = storedBytes;
    this.#padLeft = (blockBytes - (storedBytes % blockBytes)) % blockBytes;
  }

  async #meta(header: RawHeader): Promise<Buffer> {
    if (header.sizeBytes > metaBytesMax)
      throw new KraudError('exhausted', `a tar header is larger than ${metaBytesMax} bytes`);
    this.#expect(header.sizeBytes);
    const data = await this.#reader.exactly(header.sizeBytes, 'a header');
    if (!data) throw new KraudError('corrupt', 'the archive is truncated: it ends inside a header');
    this.#bodyLeft = 0;
    // The chunk that it is part of must not be kept alive by an attribute of a few bytes.
    return Buffer.from(data);
  }

  async #entry(
    header: RawHeader,
    block: Buffer,
    records: PaxRecords,
    longName: string | undefined,
    longLink: string | undefined,
  ): Promise<TarEntry> {
    const path = paxText(records, 'GNU.sparse.name') ?? paxText(records, 'path') ?? longName ?? header.name;
    const known = types[header.type];
    if (!known)
      throw new KraudError('unsupported', `unsupported tar entry type '${header.type}' for ${show(path)}`);
    // Before ustar, a directory was a file whose name ends so.
    const type = known === 'file' && header.type === '0' && path.endsWith('/') ? 'dir' : known;
    // Other types have no content, whatever the size says (as in Go).
    const storedBytes = type === 'file' ? (paxNumber(records, 'size') ?? header.sizeBytes) : 0;
    const time = paxTime(records, 'mtime') ?? { sec: header.mtimeSec, nsec: 0 };
    const content = await this.#content(header, block, records, type, storedBytes);
    return {
      type,
      path,
      linkPath: paxText(records, 'linkpath') ?? longLink ?? header.linkName,
      mode: header.mode & 0o7777,
      uid: paxNumber(records, 'uid') ?? header.uid,
      gid: paxNumber(records, 'gid') ?? header.gid,
      mtimeSec: time.sec,
      mtimeNsec: time.nsec,
      ...content,
      devMajor: header.devMajor,
      devMinor: header.devMinor,
      xattrs: xattrsIn(records),
    };
  }

  async #content(
    header: RawHeader,
    block: Buffer,
    records: PaxRecords,
    type: EntryType,
    storedBytes: number,
  ): Promise<Pick<TarEntry, 'sizeBytes' | 'extents'>> {
    if (type !== 'file') return { sizeBytes: 0, extents: [] };
    if (header.type === 'S') {
      const { pairs, sizeBytes } = await readGnuSparse(block, this.#reader);
      this.#expect(storedBytes);
      return { sizeBytes, extents: placeExtents(pairs, this.#reader.position, storedBytes, sizeBytes) };
    }
    const realBytes = paxNumber(records, 'GNU.sparse.realsize') ?? paxNumber(records, 'GNU.sparse.size');
    if (realBytes !== undefined) {
      this.#expect(storedBytes);
      const start = this.#reader.position;
      const map = paxText(records, 'GNU.sparse.map') ?? paxText(records, sparsePairsKey);
      const inBody = paxText(records, 'GNU.sparse.major') === '1';
      const pairs = inBody ? await readSparseMap(this.#reader, storedBytes) : parsePairs(map ?? '');
      const mapBytes = this.#reader.position - start;
      this.#bodyLeft -= mapBytes;
      const dataBytes = storedBytes - mapBytes;
      return { sizeBytes: realBytes, extents: placeExtents(pairs, start + mapBytes, dataBytes, realBytes) };
    }
    this.#expect(storedBytes);
    const whole = { offset: 0, length: storedBytes, at: this.#reader.position };
    return { sizeBytes: storedBytes, extents: storedBytes === 0 ? [] : [whole] };
  }
}

/** A latin1 path for an error message, as UTF-8 and not too long. */
export function show(path: string): string {
  const text = JSON.stringify(Buffer.from(path, 'latin1').toString());
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

const noXattrs: ReadonlyMap<string, Uint8Array> = new Map();

function xattrsIn(records: PaxRecords): ReadonlyMap<string, Uint8Array> {
  let found: Map<string, Uint8Array> | undefined;
  for (const [key, value] of records) {
    if (!key.startsWith(xattrPrefix)) continue;
    found ??= new Map();
    found.set(key.slice(xattrPrefix.length), value);
  }
  return found ?? noXattrs;
}

function cString(data: Buffer): string {
  const end = data.indexOf(0);
  return data.toString('latin1', 0, end < 0 ? data.length : end);
}
