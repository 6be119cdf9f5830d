import { KraudError } from '@kraud/base';

export const blockBytes = 512;

/** The fields of one 512-byte header block, checksum verified, nothing interpreted further. */
export interface RawHeader {
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeSec: number;
  readonly type: string;
  readonly linkName: string;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly gnu: boolean;
}

/** Undefined for a block of zeros (the end mark). */
export function parseHeader(block: Buffer): RawHeader | undefined {
  if (isZero(block)) return undefined;
  checkSum(block);
  const magic = block.toString('latin1', 257, 263);
  const gnu = magic === 'ustar ';
  const prefix = magic === 'ustar\0' ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  const type = block[156] === 0 ? '0' : String.fromCharCode(block[156] ?? 0);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: numberAt(block, 100, 8, 'mode'),
    uid: numberAt(block, 108, 8, 'uid'),
    gid: numberAt(block, 116, 8, 'gid'),
    sizeBytes: numberAt(block, 124, 12, 'size'),
    mtimeSec: signedAt(block, 136, 12, 'mtime'),
    type,
    linkName: text(block, 157, 100),
    // Only nodes have these, and old tools leave rubbish there for everything else.
    devMajor: type === '3' || type === '4' ? numberAt(block, 329, 8, 'device number') : 0,
    devMinor: type === '3' || type === '4' ? numberAt(block, 337, 8, 'device number') : 0,
    gnu,
  };
}

/** A field that can't be negative. */
export function numberAt(block: Buffer, start: number, length: number, what: string): number {
  const value = signedAt(block, start, length, what);
  if (value < 0) throw new KraudError('corrupt', `invalid tar header: negative ${what}`);
  return value;
}

/** Octal text padded with spaces or NULs, or (first bit set) a big-endian two's complement number. */
function signedAt(block: Buffer, start: number, length: number, what: string): number {
  const first = block[start] ?? 0;
  if (first & 0x80) {
    let value = BigInt(first & 0x7f);
    for (let i = start + 1; i < start + length; i += 1) value = (value << 8n) | BigInt(block[i] ?? 0);
    const bits = BigInt(8 * length - 1);
    if (first & 0x40) value -= 1n << bits;
    const number = Number(value);
    if (!Number.isSafeInteger(number))
      throw new KraudError('corrupt', `invalid tar header: ${what} out of range`);
    return number;
  }
  const digits =
    block
      .toString('latin1', start, start + length)
      .replace(/^[ \0]+/, '')
      .split(/[ \0]/, 1)[0] ?? '';
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits))
    throw new KraudError('corrupt', `invalid tar header: ${what} is not a number`);
  return Number.parseInt(digits, 8);
}

function text(block: Buffer, start: number, length: number): string {
  const end = block.indexOf(0, start);
  return block.toString('latin1', start, end < 0 || end > start + length ? start + length : end);
}

function isZero(block: Buffer): boolean {
  return block[0] === 0 && block.equals(zeros);
}

const zeros = Buffer.alloc(blockBytes);

/** Some old tools add the bytes up as signed: both sums are right. */
function checkSum(block: Buffer): void {
  let unsigned = 8 * 0x20;
  let signed = unsigned;
  for (let i = 0; i < blockBytes; i += 1) {
    if (i >= 148 && i < 156) continue;
    const byte = block[i] ?? 0;
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  const stored = numberAt(block, 148, 8, 'checksum');
  if (stored !== unsigned && stored !== signed)
    throw new KraudError('corrupt', 'invalid tar header: bad checksum');
}
