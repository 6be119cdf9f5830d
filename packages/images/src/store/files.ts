import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Random } from '@kraud/base';
import { diskFault } from './faults.ts';

/**
 * Files that appear whole or not at all: written under `tmp/`, flushed, then renamed. What a crash leaves is
 * only in `tmp/`, which `open` empties.
 */
export class AtomicFiles {
  readonly #tmpDir: string;
  readonly #random: Random;

  private constructor(tmpDir: string, random: Random) {
    this.#tmpDir = tmpDir;
    this.#random = random;
  }

  static async open(dir: string, random: Random): Promise<AtomicFiles> {
    const tmpDir = join(dir, 'tmp');
    await mkdir(tmpDir, { recursive: true, mode: 0o700 });
    for (const name of await readdir(tmpDir)) await rm(join(tmpDir, name), { recursive: true, force: true });
    return new AtomicFiles(tmpDir, random);
  }

  tempPath(): string {
    return join(this.#tmpDir, this.#random.bytes(12).toString('hex'));
  }

  /** Gives `fill` an open temporary file, which is removed unless `fill` has placed it. */
  async write<T>(doing: string, fill: (file: FileHandle, path: string) => Promise<T>): Promise<T> {
    const path = this.tempPath();
    try {
      const file = await open(path, 'wx+', 0o600);
      try {
        return await fill(file, path);
      } finally {
        await file.close();
      }
    } catch (error) {
      throw diskFault(error, doing);
    } finally {
      await rm(path, { force: true });
    }
  }

  /** A small file, durable when this returns; replaces what was there. */
  async writeWhole(target: string, bytes: Uint8Array | string): Promise<void> {
    await this.write(`writing ${target}`, async (file, path) => {
      await file.writeFile(bytes);
      await this.place(file, path, target);
    });
  }

  /** Flushes and names a file that `write` made. Durable when this returns. */
  async place(file: FileHandle, path: string, target: string): Promise<void> {
    await file.sync();
    await rename(path, target);
    await syncDir(dirname(target));
  }

  /** For caches, which may be torn or gone after a power cut and are made again. */
  async placeUnflushed(path: string, target: string): Promise<void> {
    await rename(path, target);
  }
}

/** Makes renames and removals in a directory durable. */
export async function syncDir(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
