import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { KraudError, MiB } from '@kraud/base';
import { pageBytes, Splitter } from './splitter.ts';

/** What comes is written in pieces of this, one of them while the next one comes. */
const batchBytes = MiB;
/** A VM's devices and firmware have a hundredth of it. */
const stateBytesMax = 16 * MiB;
const zeroPage = Buffer.alloc(pageBytes);

export interface StateFacts {
  readonly sizeBytes: number;
  readonly sha256: string;
}

interface Run {
  readonly file: FileHandle;
  readonly at: number;
  readonly pieces: Buffer[];
  bytes: number;
}

/**
 * Writes a migration stream as the two files of a snapshot: the guest's memory, with a hole where it is zeroes, into a file that is
 * one hole, and the rest. Answers what the rest is. Neither is flushed.
 */
export async function writeParts(
  chunks: AsyncIterable<Buffer>,
  memoryBytes: number,
  files: { readonly memory: FileHandle; readonly state: FileHandle },
): Promise<StateFacts> {
  const hash = createHash('sha256');
  let stateBytes = 0;
  let runs: Run[] = [];
  let gathered = 0;
  const add = (file: FileHandle, at: number, bytes: Buffer): void => {
    const last = runs.at(-1);
    if (last?.file === file && last.at + last.bytes === at) {
      last.pieces.push(bytes);
      last.bytes += bytes.length;
    } else runs.push({ file, at, pieces: [bytes], bytes: bytes.length });
    gathered += bytes.length;
  };
  const splitter = new Splitter(memoryBytes, {
    memory: (at, bytes) => add(files.memory, at, bytes),
    zeroes: (at) => add(files.memory, at, zeroPage),
    state: (bytes) => {
      hash.update(bytes);
      add(files.state, stateBytes, bytes);
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
    writing = writeRuns(batch);
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
  return { sizeBytes: stateBytes, sha256: hash.digest('hex') };
}

/** One after the other: a page may have come twice. */
async function writeRuns(runs: readonly Run[]): Promise<void> {
  for (const { file, at, pieces, bytes } of runs) {
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
