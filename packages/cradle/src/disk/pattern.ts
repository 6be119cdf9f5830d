import { execFile } from 'node:child_process';
import { type BigIntStats, closeSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { KraudError } from '@kraud/base';
import { dataDiskBytes } from '../contract.ts';

const run = promisify(execFile);
const blockBytes = 4096;
const headerBytes = 12;

/** What is written of a data disk, in order: everything else of it is a hole. */
export type Pattern = readonly { readonly offset: number; readonly data: Buffer }[];

/** Makes the disk. Synchronous: a few dozen short writes into the page cache, which somebody waits for. */
export function writeDisk(path: string, pattern: Pattern): BigIntStats {
  const file = openSync(path, 'wx', 0o600);
  try {
    ftruncateSync(file, dataDiskBytes);
    for (const { offset, data } of pattern) writeSync(file, data, 0, data.length, offset);
    return fstatSync(file, { bigint: true });
  } finally {
    closeSync(file);
  }
}

/** Reads what is not a hole, which only the file system knows: reading 256 GiB of zeroes would take minutes. */
export async function writtenBlocks(path: string): Promise<Pattern> {
  const { stdout } = await run('filefrag', ['-s', '-v', `-b${blockBytes}`, path]);
  await using file = await open(path);
  const pattern: { offset: number; data: Buffer }[] = [];
  for (const match of stdout.matchAll(/^\s*\d+:\s*(\d+)\.\.\s*(\d+):/gm)) {
    const offset = Number(match[1]) * blockBytes;
    const data = Buffer.alloc((Number(match[2]) + 1) * blockBytes - offset);
    await file.read(data, 0, data.length, offset);
    pattern.push({ offset, data });
  }
  if (pattern.length === 0) throw new KraudError('internal', `filefrag shows no blocks: ${stdout}`);
  return pattern;
}

/** One piece after the other: offset (8 bytes, little-endian), length (4), the bytes. */
export function encodePattern(pattern: Pattern): Buffer {
  return Buffer.concat(
    pattern.flatMap(({ offset, data }) => {
      const header = Buffer.alloc(headerBytes);
      header.writeBigUInt64LE(BigInt(offset));
      header.writeUInt32LE(data.length, 8);
      return [header, data];
    }),
  );
}

/** `corrupt` for anything that `encodePattern` does not make. */
export function decodePattern(bytes: Buffer): Pattern {
  const pattern: { offset: number; data: Buffer }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const cut = (): never => {
      throw new KraudError('corrupt', 'the pattern of a disk is cut short');
    };
    if (at + headerBytes > bytes.length) cut();
    const offset = Number(bytes.readBigUInt64LE(at));
    const length = bytes.readUInt32LE(at + 8);
    at += headerBytes;
    if (at + length > bytes.length) cut();
    if (offset + length > dataDiskBytes) throw new KraudError('corrupt', 'a pattern reaches beyond its disk');
    pattern.push({ offset, data: bytes.subarray(at, at + length) });
    at += length;
  }
  return pattern;
}
