import { posix } from 'node:path';
import { KraudError } from '@kraud/base';
import type { ByteStream, Digest } from '../contract.ts';
import type { ImageLimits } from '../limits.ts';
import type { Blob, BlobStore } from '../store/blobs.ts';
import type { Lease } from '../store/lease.ts';
import { unpack } from '../store/unpack.ts';
import { show, TarReader } from '../tar/reader.ts';

const linksMax = 32;

/**
 * The files of a `docker save` or OCI archive, which may come in any order: each goes into the blob store as
 * it is read, and is found by its name (or its digest) afterwards. Links inside the archive are followed.
 */
export class ArchiveFiles {
  readonly #files = new Map<string, Blob>();
  readonly #links = new Map<string, string>();
  readonly #digests = new Map<Digest, Blob>();

  static async read(
    archive: ByteStream,
    parts: { blobs: BlobStore; limits: ImageLimits; lease: Lease },
  ): Promise<ArchiveFiles> {
    const { blobs, limits, lease } = parts;
    const files = new ArchiveFiles();
    const reader = new TarReader(unpack(archive));
    let totalBytes = 0;
    try {
      for (let entry = await reader.next(); entry; entry = await reader.next()) {
        const path = inside(entry.path);
        if (files.#files.size + files.#links.size >= limits.archiveFilesMax)
          throw new KraudError('exhausted', `the archive has more than ${limits.archiveFilesMax} files`);
        if (entry.type === 'symlink')
          files.#links.set(path, inside(posix.join(posix.dirname(path), entry.linkPath)));
        else if (entry.type === 'link') files.#links.set(path, inside(entry.linkPath));
        else if (entry.type === 'file') {
          totalBytes += entry.sizeBytes;
          if (totalBytes > limits.unpackedBytesMax)
            throw new KraudError(
              'exhausted',
              `the archive unpacks to more than ${limits.unpackedBytesMax} bytes`,
            );
          const blob = await blobs.put(reader.body(), { lease, bytesMax: limits.blobBytesMax });
          files.#links.delete(path);
          files.#files.set(path, blob);
          files.#digests.set(blob.digest, blob);
        } else if (entry.type !== 'dir') {
          throw new KraudError(
            'corrupt',
            `the archive contains a ${entry.type} where none belongs: ${show(entry.path)}`,
          );
        }
      }
    } finally {
      await reader.close();
    }
    return files;
  }

  find(path: string): Blob | undefined {
    let at = inside(path);
    for (let hops = 0; hops < linksMax; hops += 1) {
      const link = this.#links.get(at);
      if (link === undefined) return this.#files.get(at);
      at = link;
    }
    throw new KraudError('corrupt', `too many links on the way to ${show(path)}`);
  }

  get(path: string): Blob {
    const blob = this.find(path);
    if (!blob) throw new KraudError('corrupt', `the archive has no ${show(path)}, which its manifest names`);
    return blob;
  }

  /** A file with this content, whatever its name. */
  withDigest(digest: Digest): Blob | undefined {
    return this.#digests.get(digest);
  }
}

function inside(path: string): string {
  const normal = posix.normalize(path).replace(/^\/+|\/+$/g, '');
  if (normal === '..' || normal.startsWith('../'))
    throw new KraudError('corrupt', `path escapes the archive: ${show(path)}`);
  return normal === '.' ? '' : normal;
}
