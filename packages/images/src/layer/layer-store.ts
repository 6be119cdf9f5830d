import { readdirSync, unlinkSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, KeyedLock, KraudError, withContext } from '@kraud/base';
import type { ByteStream, Digest } from '../contract.ts';
import { hexOf, shortOf } from '../digest.ts';
import type { ImageLimits } from '../limits.ts';
import type { BlobStore } from '../store/blobs.ts';
import type { AtomicFiles } from '../store/files.ts';
import { compressionOf, unpack } from '../store/unpack.ts';
import { decodeIndex, encodeIndex } from './index-codec.ts';
import { indexLayer, type LayerIndex } from './layer-index.ts';

/** Entries of indexes kept at hand, so that what was just read is merged without reading it again. */
const recentEntriesMax = 100_000;

/**
 * What is known of layers whose blobs are here. Reading a blob for the first time proves that it unpacks, that
 * it is a tar, and that nothing in it is hostile; the index that comes of it is kept beside, as a cache.
 */
export class LayerStore {
  readonly #dir: string;
  readonly #files: AtomicFiles;
  readonly #blobs: BlobStore;
  readonly #limits: ImageLimits;
  readonly #reading = new KeyedLock();
  readonly #recent = new Map<Digest, LayerIndex>();

  private constructor(dir: string, files: AtomicFiles, blobs: BlobStore, limits: ImageLimits) {
    this.#dir = dir;
    this.#files = files;
    this.#blobs = blobs;
    this.#limits = limits;
  }

  static async open(
    dir: string,
    options: { files: AtomicFiles; blobs: BlobStore; limits: ImageLimits },
  ): Promise<LayerStore> {
    const layersDir = join(dir, 'layers');
    await mkdir(layersDir, { recursive: true, mode: 0o700 });
    return new LayerStore(layersDir, options.files, options.blobs, options.limits);
  }

  /** Reads a blob that the caller holds. Fails with `corrupt` if it doesn't unpack to `diffId`. */
  async examine(blob: Digest, diffId?: Digest, onBytes?: (packedBytes: number) => void): Promise<LayerIndex> {
    return await this.#reading.run(blob, async () => {
      const packedBytes = await this.#blobs.sizeOf(blob);
      if (packedBytes === undefined) throw new KraudError('not-found', `no such blob: ${blob}`);
      let index: LayerIndex;
      try {
        const raw = watched(this.#blobs.read(blob), onBytes);
        const isPlain = compressionOf(await this.#blobs.head(blob)) === 'none';
        const known = isPlain ? { diffId: blob } : {};
        index = await indexLayer(unpack(raw), { limits: this.#limits, packedBytes, ...known });
      } catch (error) {
        throw error instanceof KraudError ? withContext(error, `layer ${shortOf(blob)}`) : error;
      }
      if (diffId !== undefined && index.diffId !== diffId)
        throw new KraudError(
          'corrupt',
          `layer ${shortOf(blob)} unpacks to ${index.diffId}, but the image's config says ${diffId}`,
        );
      await this.#keep(index);
      return index;
    });
  }

  /** The index of a layer that was examined before. */
  async index(layer: { digest: Digest; diffId: Digest }): Promise<LayerIndex> {
    const recent = this.#recent.get(layer.diffId);
    if (recent) return recent;
    try {
      const stored = decodeIndex(await readFile(this.#path(layer.diffId), 'utf8'), layer.diffId);
      if (stored) {
        this.#remember(stored);
        return stored;
      }
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    return await this.examine(layer.digest, layer.diffId);
  }

  /** The layer's tar. */
  open(layer: { digest: Digest }): ByteStream {
    return unpack(this.#blobs.read(layer.digest));
  }

  sweep(isNeeded: (diffId: Digest) => boolean): void {
    for (const name of readdirSync(this.#dir)) {
      const diffId: Digest = `sha256:${name}`;
      if (isNeeded(diffId)) continue;
      this.#recent.delete(diffId);
      unlinkSync(join(this.#dir, name));
    }
  }

  async #keep(index: LayerIndex): Promise<void> {
    this.#remember(index);
    await this.#files.write('writing a layer index', async (file, path) => {
      await file.writeFile(encodeIndex(index));
      await this.#files.placeUnflushed(path, this.#path(index.diffId));
    });
  }

  #remember(index: LayerIndex): void {
    this.#recent.delete(index.diffId);
    this.#recent.set(index.diffId, index);
    let entries = 0;
    for (const each of this.#recent.values()) entries += each.entries.length;
    for (const [diffId, oldest] of this.#recent) {
      if (entries <= recentEntriesMax) break;
      this.#recent.delete(diffId);
      entries -= oldest.entries.length;
    }
  }

  #path(diffId: Digest): string {
    return join(this.#dir, hexOf(diffId));
  }
}

async function* watched(stream: ByteStream, onBytes?: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    onBytes?.(bytes);
    yield chunk;
  }
}
