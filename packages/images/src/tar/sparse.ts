import { KraudError } from '@kraud/base';
import type { ByteReader } from './bytes.ts';
import type { Extent } from './entry.ts';
import { blockBytes, numberAt } from './header.ts';

/** Stretches more than this in one file are refused. */
const stretchesMax = 1 << 20;

export interface SparseFile {
  readonly sizeBytes: number;
  readonly extents: readonly Extent[];
}

/** The old GNU form: four stretches in the header, 21 more in each block that follows while a flag says so. */
export async function readGnuSparse(
  header: Buffer,
  reader: ByteReader,
): Promise<{ pairs: number[]; sizeBytes: number }> {
  const pairs = pairsIn(header, 386, 4);
  const sizeBytes = numberAt(header, 483, 12, 'size');
  for (let more = header[482] !== 0; more; ) {
    const block = await reader.exactly(blockBytes, 'a sparse map');
    if (!block) throw bad();
    pairs.push(...pairsIn(block, 0, 21));
    if (pairs.length > 2 * stretchesMax) throw bad();
    more = block[504] !== 0;
  }
  return { pairs, sizeBytes };
}

/** The 1.0 form: decimal numbers on lines of their own before the content, padded to a block. */
export async function readSparseMap(reader: ByteReader, storedBytes: number): Promise<number[]> {
  const numbers: number[] = [];
  let text = '';
  let wanted = 1;
  for (let left = storedBytes; numbers.length < wanted; left -= blockBytes) {
    const block = left < blockBytes ? undefined : await reader.exactly(blockBytes, 'a sparse map');
    if (!block) throw bad();
    text += block.toString('latin1');
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      if (numbers.length === wanted) break;
      numbers.push(decimal(line));
      wanted = 1 + 2 * (numbers[0] ?? 0);
      if (wanted > 2 * stretchesMax) throw bad();
    }
    if (text.length > blockBytes) throw bad();
  }
  return numbers.slice(1);
}

/** `off,len,off,len`: the 0.1 form's map. */
export function parsePairs(text: string): number[] {
  return text === '' ? [] : text.split(',').map(decimal);
}

/** Places the stretches, which follow each other from `at` in the stream, in a file of `sizeBytes`. */
export function placeExtents(
  pairs: readonly number[],
  at: number,
  storedBytes: number,
  sizeBytes: number,
): Extent[] {
  if (pairs.length % 2 !== 0 || pairs.length > 2 * stretchesMax) throw bad();
  const extents: Extent[] = [];
  let end = 0;
  let stored = 0;
  for (let i = 0; i < pairs.length; i += 2) {
    const offset = pairs[i] ?? 0;
    const length = pairs[i + 1] ?? 0;
    if (offset < end || offset + length > sizeBytes) throw bad();
    if (length > 0) extents.push({ offset, length, at: at + stored });
    end = offset + length;
    stored += length;
  }
  if (stored !== storedBytes) throw bad();
  return extents;
}

function pairsIn(block: Buffer, start: number, count: number): number[] {
  const pairs: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const at = start + 24 * i;
    if (block[at] === 0) break;
    pairs.push(numberAt(block, at, 12, 'sparse offset'), numberAt(block, at + 12, 12, 'sparse length'));
  }
  return pairs;
}

function decimal(text: string): number {
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text))) throw bad();
  return Number(text);
}

function bad(): KraudError {
  return new KraudError('corrupt', 'invalid tar header: malformed sparse map');
}
