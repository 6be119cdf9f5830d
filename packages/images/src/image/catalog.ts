import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, KeyedLock, KraudError, type Logger, messageOf } from '@kraud/base';
import type { Digest, Image, ImageId, ImageLayer, Rootfs } from '../contract.ts';
import { hexOf, parseDigest } from '../digest.ts';
import type { LayerStore } from '../layer/layer-store.ts';
import type { ImageLimits } from '../limits.ts';
import type { LayerSource, RootfsStore } from '../rootfs/rootfs-store.ts';
import type { BlobStore } from '../store/blobs.ts';
import { type AtomicFiles, syncDir } from '../store/files.ts';
import type { Lease } from '../store/lease.ts';
import { parseDocument } from './document.ts';
import { asArray, asCount, asObject, asText, optional, parseObject } from './json.ts';

const recordVersion = 1;

/** What an operation has made or fetched, its blobs held by `lease`, ready to become an image. */
export interface NewImage {
  readonly id: ImageId;
  readonly manifestDigest: Digest;
  readonly manifestMediaType: string;
  readonly layers: readonly ImageLayer[];
  readonly parent?: ImageId | undefined;
}

/**
 * Which images are here. An image is here from the moment its record is on disk until that is removed; all it
 * names was on disk before and stays until after. Records are few and small, so all are kept in memory.
 */
export class Catalog {
  readonly #dir: string;
  readonly #files: AtomicFiles;
  readonly #blobs: BlobStore;
  readonly #layers: LayerStore;
  readonly #rootfs: RootfsStore;
  readonly #clock: Clock;
  readonly #limits: ImageLimits;
  readonly #images = new Map<ImageId, Image>();
  /** How many images have each root file system. */
  readonly #rootfsKeys = new Map<string, number>();
  readonly #changing = new KeyedLock();

  private constructor(dir: string, parts: CatalogParts) {
    this.#dir = dir;
    this.#files = parts.files;
    this.#blobs = parts.blobs;
    this.#layers = parts.layers;
    this.#rootfs = parts.rootfs;
    this.#clock = parts.clock;
    this.#limits = parts.limits;
  }

  static async open(dir: string, parts: CatalogParts): Promise<Catalog> {
    const imagesDir = join(dir, 'images');
    await mkdir(imagesDir, { recursive: true, mode: 0o700 });
    const catalog = new Catalog(imagesDir, parts);
    for (const name of (await readdir(imagesDir)).sort()) {
      try {
        const image = await catalog.#load(name);
        catalog.#show(image);
      } catch (error) {
        // Its blobs may be damaged; the record stays for whoever repairs them, the image isn't offered.
        parts.logger.error({ image: name, error: messageOf(error) }, 'an image cannot be read');
      }
    }
    return catalog;
  }

  find(id: ImageId): Image | undefined {
    return this.#images.get(id);
  }

  get(id: ImageId): Image {
    const image = this.#images.get(id);
    if (!image) throw new KraudError('not-found', `No such image: ${id}`);
    return image;
  }

  /** A layer that some image here has with this blob: it has been read before. */
  findLayer(digest: Digest, diffId: Digest): ImageLayer | undefined {
    for (const image of this.#images.values())
      for (const layer of image.layers) if (layer.digest === digest && layer.diffId === diffId) return layer;
    return undefined;
  }

  /** Oldest first. */
  list(): readonly Image[] {
    return [...this.#images.values()].sort((a, b) => a.addedAtMs - b.addedAtMs || (a.id < b.id ? -1 : 1));
  }

  /** Checks that the parts fit together, that the layers can be merged, and makes it an image. */
  async add(fresh: NewImage, lease: Lease): Promise<Image> {
    return await this.#changing.run(fresh.id, async () => {
      const known = this.#images.get(fresh.id);
      if (known) return known;
      lease.hold(fresh.id);
      lease.hold(fresh.manifestDigest);
      for (const layer of fresh.layers) lease.hold(layer.digest);
      const document = parseDocument(await this.#blobs.readBytes(fresh.id));
      const image: Image = {
        ...fresh,
        document,
        sizeBytes: fresh.layers.reduce((sum, layer) => sum + layer.contentBytes, 0),
        addedAtMs: this.#clock.now(),
      };
      this.#check(image);
      await this.#rootfs.check(this.#source(image));
      await this.#files.writeWhole(this.#path(fresh.id), encodeRecord(image));
      this.#show(image);
      return image;
    });
  }

  async rootfs(id: ImageId): Promise<Rootfs> {
    const image = this.get(id);
    using lease = this.#blobs.lease();
    for (const layer of image.layers) lease.hold(layer.digest);
    return await this.#rootfs.get(this.#source(image));
  }

  /** True if an image here has the root file system with this key. */
  hasRootfs(key: string): boolean {
    return this.#rootfsKeys.has(key);
  }

  /** True if it was here. Durable when it returns; what it alone needed is left for the next sweep. */
  async remove(id: ImageId): Promise<boolean> {
    return await this.#changing.run(id, async () => {
      const image = this.#images.get(id);
      if (!image) return false;
      await rm(this.#path(id));
      this.#hide(image);
      await syncDir(this.#dir);
      return true;
    });
  }

  #show(image: Image): void {
    const key = this.#rootfs.keyOf(image.document.rootfs.diff_ids);
    this.#images.set(image.id, image);
    this.#rootfsKeys.set(key, (this.#rootfsKeys.get(key) ?? 0) + 1);
  }

  #hide(image: Image): void {
    const key = this.#rootfs.keyOf(image.document.rootfs.diff_ids);
    this.#images.delete(image.id);
    const left = (this.#rootfsKeys.get(key) ?? 1) - 1;
    if (left === 0) this.#rootfsKeys.delete(key);
    else this.#rootfsKeys.set(key, left);
  }

  #check(image: Image): void {
    const wanted = image.document.rootfs.diff_ids;
    if (wanted.length > this.#limits.layersMax)
      throw new KraudError('exhausted', `the image has more than ${this.#limits.layersMax} layers`);
    if (
      wanted.length !== image.layers.length ||
      wanted.some((diffId, i) => diffId !== image.layers[i]?.diffId)
    )
      throw new KraudError('corrupt', "the layers are not those that the image's config names");
  }

  #source(image: Image): LayerSource {
    const layer = (number: number): ImageLayer => {
      const found = image.layers[number];
      if (!found) throw new KraudError('internal', `image ${image.id} has no layer ${number}`);
      return found;
    };
    return {
      diffIds: image.document.rootfs.diff_ids,
      index: (number) => this.#layers.index(layer(number)),
      open: (number) => this.#layers.open(layer(number)),
    };
  }

  async #load(name: string): Promise<Image> {
    const record = decodeRecord(await readFile(join(this.#dir, name)));
    return { ...record, document: parseDocument(await this.#blobs.readBytes(record.id)) };
  }

  #path(id: ImageId): string {
    return join(this.#dir, hexOf(id));
  }
}

export interface CatalogParts {
  readonly files: AtomicFiles;
  readonly blobs: BlobStore;
  readonly layers: LayerStore;
  readonly rootfs: RootfsStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: ImageLimits;
}

function encodeRecord(image: Image): string {
  const { document: _, ...record } = image;
  return JSON.stringify({ version: recordVersion, ...record });
}

function decodeRecord(bytes: Uint8Array): Omit<Image, 'document'> {
  const json = parseObject(bytes, 'the record');
  if (json.version !== recordVersion)
    throw new KraudError('unsupported', `record version ${String(json.version)}`);
  return {
    id: parseDigest(json.id),
    manifestDigest: parseDigest(json.manifestDigest),
    manifestMediaType: asText(json.manifestMediaType, 'manifestMediaType'),
    layers: asArray(json.layers, 'layers').map((value) => {
      const layer = asObject(value, 'a layer');
      return {
        digest: parseDigest(layer.digest),
        diffId: parseDigest(layer.diffId),
        mediaType: asText(layer.mediaType, 'mediaType'),
        blobBytes: asCount(layer.blobBytes, 'blobBytes'),
        contentBytes: asCount(layer.contentBytes, 'contentBytes'),
      };
    }),
    sizeBytes: asCount(json.sizeBytes, 'sizeBytes'),
    parent: optional(json.parent, parseDigest),
    addedAtMs: asCount(json.addedAtMs, 'addedAtMs'),
  };
}
