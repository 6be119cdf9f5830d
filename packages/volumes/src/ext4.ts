import { execFile } from 'node:child_process';
import { open, rename, rm, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { assert, isErrno, KraudError, type Random } from '@kraud/base';

const exec = promisify(execFile);

/**
 * Makes ext4 disks. A disk is a sparse file of fixed length with a file system of the wanted size at its start, and
 * an empty top folder (no `lost+found`, which a container's program would stumble over).
 *
 * The usual size is copied from a template, made once: about 150 KiB of data. Each disk gets a UUID of its own; the
 * file system has its checksum seed apart from it (`metadata_csum_seed`), so that nothing else has to change.
 */
export class Ext4Maker {
  readonly #dataDiskBytes: number;
  readonly #random: Random;
  readonly #template: { readonly path: string; readonly sizeBytes: number };
  #ready: Promise<void> | undefined;

  constructor(options: {
    readonly dataDiskBytes: number;
    /** Where the template is kept. Name a new file when the way disks are made changes. */
    readonly template: { readonly path: string; readonly sizeBytes: number };
    readonly random: Random;
  }) {
    this.#dataDiskBytes = options.dataDiskBytes;
    this.#template = options.template;
    this.#random = options.random;
  }

  /** Makes a new disk at `path`, durable. */
  async create(path: string, sizeBytes: number): Promise<void> {
    assert(sizeBytes <= this.#dataDiskBytes, 'a file system fits on its disk');
    try {
      if (sizeBytes === this.#template.sizeBytes) {
        await this.prepare();
        await exec('cp', ['--sparse=always', '--reflink=auto', '--', this.#template.path, path]);
      } else await format(path, sizeBytes, this.#dataDiskBytes);
      await personalize(path, this.#random);
    } catch (error) {
      await rm(path, { force: true });
      throw named(error);
    }
  }

  /** Makes the template unless it is there. */
  prepare(): Promise<void> {
    this.#ready ??= this.#prepare().catch((error: unknown) => {
      this.#ready = undefined;
      throw named(error);
    });
    return this.#ready;
  }

  async #prepare(): Promise<void> {
    const { path, sizeBytes } = this.#template;
    const present = await stat(path).catch(() => undefined);
    if (present?.size === this.#dataDiskBytes) return;
    const temporary = `${path}.${this.#random.bytes(6).toString('hex')}`;
    try {
      await format(temporary, sizeBytes, this.#dataDiskBytes);
      await rename(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
  }
}

/**
 * `assume_storage_prezeroed`: the file is new, so neither mke2fs nor the guest has to write zeros into it. Debian 13's default, an
 * orphan file, would be a fifth of a small disk.
 */
async function format(path: string, sizeBytes: number, lengthBytes: number): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  await file.truncate(lengthBytes).finally(() => file.close());
  const features = 'metadata_csum,metadata_csum_seed,64bit,extent,^resize_inode,^orphan_file';
  const extended =
    'assume_storage_prezeroed=1,lazy_journal_init=1,nodiscard,root_owner=0:0,packed_meta_blocks=1';
  const journalMiB = sizeBytes >= 2 ** 30 ? 32 : 4;
  const args = ['-q', '-F', '-t', 'ext4', '-b', '4096', '-I', '256', '-m', '0', '-J', `size=${journalMiB}`];
  await exec('mke2fs', [...args, '-O', features, '-E', extended, path, String(Math.floor(sizeBytes / 4096))]);
  await exec('debugfs', ['-w', '-R', 'rmdir lost+found', path]);
}

const superblock = {
  at: 1024,
  bytes: 1024,
  magicAt: 0x38,
  uuidAt: 0x68,
  hashSeedAt: 0xec,
  checksumAt: 0x3fc,
};

/** Gives the file system its own UUID and directory hash seed, and makes the file durable. */
async function personalize(path: string, random: Random): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { buffer } = await file.read(Buffer.alloc(superblock.bytes), 0, superblock.bytes, superblock.at);
    assert(buffer.readUInt16LE(superblock.magicAt) === 0xef53, 'a new disk holds an ext4');
    randomUuid(random).copy(buffer, superblock.uuidAt);
    randomUuid(random).copy(buffer, superblock.hashSeedAt);
    buffer.writeUInt32LE(crc32c(buffer.subarray(0, superblock.checksumAt)), superblock.checksumAt);
    await file.write(buffer, 0, superblock.bytes, superblock.at);
    await file.sync();
  } finally {
    await file.close();
  }
}

function randomUuid(random: Random): Buffer {
  const bytes = random.bytes(16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes;
}

/** Castagnoli's, as ext4 keeps it: starts with all ones and is not inverted at the end. */
function crc32c(data: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return crc >>> 0;
}

function named(error: unknown): Error {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
  if (isErrno(error, 'ENOSPC', 'EDQUOT') || /No space left|quota exceeded/i.test(said)) {
    return new KraudError('exhausted', 'no space left on the host for another volume', { cause: error });
  }
  if (isErrno(error, 'ENOENT') && /spawn (mke2fs|debugfs|cp)/.test(String(error))) {
    return new KraudError('unavailable', `${String(error)}: e2fsprogs is not installed`, { cause: error });
  }
  return error instanceof Error ? error : new Error(String(error));
}
