import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { KraudError, MiB } from '@kraud/base';
import { Layout } from './layout.ts';
import { pageBytes, Splitter } from './splitter.ts';

/** What comes is written in pieces of this, one of them while the next one comes. */
const batchBytes = MiB;
/** A VM's devices and firmware have a hundredth of it. */
const stateBytesMax = 16 * MiB;
const zeroPage = Buffer.alloc(pageBytes);

export interface PartFiles {
  /** Pages that are not zero, and at its end a hole that makes it as long as the memory. */
  readonly memory: FileHandle;
  /** Where they belong: see `Layout`. */
  readonly layout: FileHandle;
  readonly state: FileHandle;
}

export interface PartFacts {
  readonly sizeBytes: number;
  readonly sha256: string;
}

interface Run {
  readonly at: number;
  readonly pieces: Buffer[];
  bytes: number;
}

/**
 * Writes a migration stream as files: the guest's memory, and the rest, which together are what a template has. Answers what is in
 * the smaller ones. None is flushed.
 */
export async function writeParts(
  chunks: AsyncIterable<Buffer>,
  memoryBytes: number,
  files: PartFiles,
): Promise<{ readonly state: PartFacts; readonly layout: PartFacts }> {
  const state: Buffer[] = [];
  let stateBytes = 0;
  let runs: Run[] = [];
  let gathered = 0;
  const add = (at: number, bytes: Buffer): void => {
    const last = runs.at(-1);
    if (last && last.at + last.bytes === at) {
      last.pieces.push(bytes);
      last.bytes += bytes.length;
    } else runs.push({ at, pieces: [bytes], bytes: bytes.length });
    gathered += bytes.length;
  };
  const layout = new Layout(memoryBytes / pageBytes);
  const put = (at: number, bytes: Buffer): void => {
    const within = at % pageBytes;
    const { place, zeroesBefore } = layout.place((at - within) / pageBytes);
    for (let zeroes = zeroesBefore; zeroes > 0; zeroes -= 1) add((place - zeroes) * pageBytes, zeroPage);
    add(place * pageBytes + within, bytes);
  };
  const splitter = new Splitter(memoryBytes, {
    memory: put,
    zeroes: (at) => put(at, zeroPage),
    state: (bytes) => {
      // A copy, as what it is cut from is mostly memory.
      state.push(Buffer.from(bytes));
      stateBytes += bytes.length;
      if (stateBytes > stateBytesMax) {
        throw new KraudError(
          'corrupt',
          `the VM's state has more than ${stateBytesMax} bytes beside its memory`,
        );
      }
    },
  });
  let writing = Promise.resolve();
  const flush = async (): Promise<void> => {
    const batch = runs;
    runs = [];
    gathered = 0;
    await writing;
    writing = writeRuns(files.memory, batch);
    writing.catch(() => {});
  };
  try {
    for await (const chunk of chunks) {
      splitter.push(chunk);
      if (gathered >= batchBytes) await flush();
    }
    splitter.end();
    await flush();
  } finally {
    // The files are the caller's to close.
    await writing;
  }
  await files.memory.truncate(memoryBytes);
  return {
    state: await writeSmall(files.state, Buffer.concat(state)),
    layout: await writeSmall(files.layout, layout.encode()),
  };
}

export function factsOf(bytes: Buffer): PartFacts {
  return { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

async function writeSmall(file: FileHandle, bytes: Buffer): Promise<PartFacts> {
  await file.writeFile(bytes);
  return factsOf(bytes);
}

/** One after the other: a page may have come twice. */
async function writeRuns(file: FileHandle, runs: readonly Run[]): Promise<void> {
  for (const { at, pieces, bytes } of runs) {
    const { bytesWritten } = await file.writev(pieces, at);
    // Where the disk is full, the next write says so.
    if (bytesWritten < bytes)
      await writeAll(file, Buffer.concat(pieces).subarray(bytesWritten), at + bytesWritten);
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  }
}
