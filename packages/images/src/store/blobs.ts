import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, statSync, unlinkSync } from 'node:fs';
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, KraudError } from '@kraud/base';
import type { ByteStream, Digest } from '../contract.ts';
import { digestOf, finish, hexOf, isDigest } from '../digest.ts';
import type { AtomicFiles } from './files.ts';
import { type Lease, Leases } from './lease.ts';

const readChunkBytes = 256 * 1024;

export interface PutOptions {
  /** Holds the blob from before it can be seen. */
  readonly lease: Lease;
  /** Fails with `corrupt` if the bytes have another digest. */
  readonly digest?: Digest | undefined;
  /** Fails with `corrupt` if there are fewer or more. */
  readonly sizeBytes?: number | undefined;
  /** Fails with `exhausted` if there are more. */
  readonly bytesMax: number;
}

export interface Blob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/**
 * Blobs under their SHA-256 digest. A blob that is there is whole and right, was flushed before it got its
 * name, and never changes. Writers of the same blob don't disturb each other: the last rename wins, over an
 * equal file. `sweep` removes what neither its caller nor a lease names.
 *
 * One process owns the directory. Sweeping looks at the leases and unlinks in one step of the event loop, so
 * whoever holds a digest first and looks for the blob then can rely on what it saw.
 */
export class BlobStore {
  readonly #dir: string;
  readonly #files: AtomicFiles;
  readonly #leases = new Leases();

  private constructor(dir: string, files: AtomicFiles) {
    this.#dir = dir;
    this.#files = files;
  }

  static async open(dir: string, files: AtomicFiles): Promise<BlobStore> {
    const blobsDir = join(dir, 'blobs', 'sha256');
    await mkdir(blobsDir, { recursive: true, mode: 0o700 });
    return new BlobStore(blobsDir, files);
  }

  lease(): Lease {
    return this.#leases.take();
  }

  path(digest: Digest): string {
    return join(this.#dir, hexOf(digest));
  }

  /** Its size, or undefined if it isn't there. Hold it first if you mean to use it. */
  async sizeOf(digest: Digest): Promise<number | undefined> {
    try {
      return (await stat(this.path(digest))).size;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  async put(stream: ByteStream, options: PutOptions): Promise<Blob> {
    return await this.#files.write('writing a blob', async (file, path) => {
      const hash = createHash('sha256');
      let sizeBytes = 0;
      for await (const chunk of stream) {
        sizeBytes += chunk.length;
        if (sizeBytes > options.bytesMax) throw tooLarge(options.bytesMax);
        if (options.sizeBytes !== undefined && sizeBytes > options.sizeBytes)
          throw wrongSize(options.sizeBytes);
        hash.update(chunk);
        await file.writeFile(chunk);
      }
      if (options.sizeBytes !== undefined && sizeBytes !== options.sizeBytes)
        throw wrongSize(options.sizeBytes);
      const digest = finish(hash);
      if (options.digest !== undefined && digest !== options.digest)
        throw new KraudError('corrupt', `filesystem layer verification failed for digest ${options.digest}`);
      options.lease.hold(digest);
      if ((await this.sizeOf(digest)) !== sizeBytes) await this.#files.place(file, path, this.path(digest));
      return { digest, sizeBytes };
    });
  }

  async putBytes(bytes: Uint8Array | string, lease: Lease): Promise<Blob> {
    const digest = digestOf(bytes);
    lease.hold(digest);
    const sizeBytes = Buffer.byteLength(bytes);
    if ((await this.sizeOf(digest)) !== sizeBytes) await this.#files.writeWhole(this.path(digest), bytes);
    return { digest, sizeBytes };
  }

  /** The bytes as they are on disk; `end` is exclusive. */
  read(digest: Digest, range?: { start: number; end: number }): ByteStream {
    const part = range && { start: range.start, end: range.end - 1 };
    return createReadStream(this.path(digest), { highWaterMark: readChunkBytes, ...part });
  }

  /** The first bytes, enough to tell how it is packed. */
  async head(digest: Digest): Promise<Uint8Array> {
    const file = await open(this.path(digest), 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  /** A document, checked against its digest again: disks rot, and its text decides what runs. */
  async readBytes(digest: Digest): Promise<Buffer> {
    let bytes: Buffer;
    try {
      bytes = await readFile(this.path(digest));
    } catch (error) {
      if (isErrno(error, 'ENOENT')) throw new KraudError('not-found', `no such blob: ${digest}`);
      throw error;
    }
    if (digestOf(bytes) !== digest) throw new KraudError('corrupt', `blob ${digest} has changed on disk`);
    return bytes;
  }

  /** Removes all but what `isNeeded` or a lease names. */
  sweep(isNeeded: (digest: Digest) => boolean): { reclaimedBytes: number } {
    let reclaimedBytes = 0;
    for (const name of readdirSync(this.#dir)) {
      const digest = `sha256:${name}`;
      if (isDigest(digest) && (isNeeded(digest) || this.#leases.holds(digest))) continue;
      const path = join(this.#dir, name);
      reclaimedBytes += statSync(path).size;
      unlinkSync(path);
    }
    return { reclaimedBytes };
  }

  /** Bytes that all blobs take. */
  totalBytes(): number {
    return readdirSync(this.#dir).reduce((sum, name) => sum + statSync(join(this.#dir, name)).size, 0);
  }
}

function tooLarge(bytesMax: number): KraudError {
  return new KraudError('exhausted', `larger than the limit of ${bytesMax} bytes`);
}

function wrongSize(sizeBytes: number): KraudError {
  return new KraudError(
    'corrupt',
    `the content does not have the ${sizeBytes} bytes that its descriptor says`,
  );
}
