import { execFile } from 'node:child_process';
import { type BigIntStats, statSync } from 'node:fs';
import { mkdir, open, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isErrno, KeyedLock, KraudError, MiB, newShortId } from '@kraud/base';
import { dataDiskBytes } from '../contract.ts';
import { type Pattern, writeDisk, writtenBlocks } from './pattern.ts';

const run = promisify(execFile);
const sizeBytesMin = 16 * MiB;
const blockBytes = 4096;
const patternsMax = 8;
/** Disks made last, of which it is remembered that they are fresh. */
const madeMax = 1_000;

/**
 * No checksums and no background initialisation: each costs the guest time, and the file is zeroes anyway. No orphan file, which
 * is Debian 13's default: it is a megabyte or more that every disk would begin with.
 */
const features = '^metadata_csum,^resize_inode,^orphan_file,uninit_bg,sparse_super2';
const extended = [
  'lazy_itable_init=1',
  'assume_storage_prezeroed=1',
  'nodiscard',
  'packed_meta_blocks=1',
  'num_backup_sb=0',
  'root_owner=0:0',
].join(',');

/**
 * Fresh ext4 disks. `mkfs.ext4` runs once per size; after that a disk is a sparse file and a few hundred written
 * blocks, a matter of a millisecond. All file systems of one size share a uuid: they never meet in one kernel
 * by uuid, only by slot.
 */
export class DiskMaker {
  readonly #scratchDir: string;
  readonly #patterns = new Map<number, Promise<Pattern>>();
  readonly #lock = new KeyedLock();
  readonly #made = new Map<
    string,
    { readonly ino: bigint; readonly mtimeNs: bigint; readonly sizeBytes: number }
  >();

  constructor(scratchDir: string) {
    this.#scratchDir = scratchDir;
  }

  /** Makes the disk: whole, or not at all. */
  async create(path: string, sizeBytes: number): Promise<void> {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < sizeBytesMin || sizeBytes > dataDiskBytes) {
      throw new KraudError(
        'invalid',
        `a disk has ${sizeBytesMin} to ${dataDiskBytes} bytes, not ${sizeBytes}`,
      );
    }
    const pattern = await this.#pattern(Math.floor(sizeBytes / blockBytes) * blockBytes);
    await this.#lock.run(path, async () => {
      if (await exists(path)) throw new KraudError('exists', `${path} is there already`);
      const temporary = `${path}.${newShortId()}.new`;
      try {
        this.#note(path, sizeBytes, writeDisk(temporary, pattern));
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        if (isErrno(error, 'ENOSPC'))
          throw new KraudError('exhausted', 'the host has no space left', { cause: error });
        throw error;
      }
    });
  }

  /** The size of a disk that was made here and never written since; undefined for any other. */
  untouched(path: string): number | undefined {
    const made = this.#made.get(path);
    const facts = made && statSync(path, { bigint: true, throwIfNoEntry: false });
    return facts && facts.ino === made.ino && facts.mtimeNs === made.mtimeNs ? made.sizeBytes : undefined;
  }

  #note(path: string, sizeBytes: number, { ino, mtimeNs }: BigIntStats): void {
    this.#made.delete(path);
    this.#made.set(path, { ino, mtimeNs, sizeBytes });
    const oldest = this.#made.keys().next().value;
    if (this.#made.size > madeMax && oldest !== undefined) this.#made.delete(oldest);
  }

  #pattern(sizeBytes: number): Promise<Pattern> {
    const known = this.#patterns.get(sizeBytes);
    if (known) return known;
    const oldest = this.#patterns.keys().next().value;
    if (this.#patterns.size >= patternsMax && oldest !== undefined) this.#patterns.delete(oldest);
    const made = this.#make(sizeBytes);
    this.#patterns.set(sizeBytes, made);
    made.catch(() => this.#patterns.delete(sizeBytes));
    return made;
  }

  async #make(sizeBytes: number): Promise<Pattern> {
    await mkdir(this.#scratchDir, { recursive: true, mode: 0o700 });
    const path = join(this.#scratchDir, `mkfs-${newShortId()}`);
    try {
      await (await open(path, 'wx', 0o600)).close();
      await truncate(path, sizeBytes);
      const journal = `size=${sizeBytes < 64 * MiB ? 4 : 8}`;
      const shape = ['-b', String(blockBytes), '-m', '0', '-O', features, '-J', journal, '-E', extended];
      await run('mkfs.ext4', ['-q', '-F', ...shape, path]);
      return await writtenBlocks(path);
    } catch (error) {
      if (isErrno(error, 'ENOENT'))
        throw new KraudError('unavailable', 'mkfs.ext4 (e2fsprogs) is needed', { cause: error });
      throw error;
    } finally {
      await rm(path, { force: true });
    }
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await (await open(path)).close();
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
