import { type Clock, type KeyedLock, KraudError } from '@kraud/base';
import type {
  ByteStream,
  Digest,
  Image,
  ImageDocument,
  ImageId,
  ImageLayer,
  OnProgress,
} from '../contract.ts';
import { parseDigest, shortOf } from '../digest.ts';
import type { Catalog } from '../image/catalog.ts';
import { parseDocument } from '../image/document.ts';
import type { Descriptor, Manifest } from '../image/manifest.ts';
import type { LayerStore } from '../layer/layer-store.ts';
import type { ImageLimits } from '../limits.ts';
import type { RegistrySettings } from '../registry/settings.ts';
import type { BlobStore } from '../store/blobs.ts';
import type { Lease } from '../store/lease.ts';
import { byteProgress } from './progress.ts';

export interface FetchParts {
  readonly blobs: BlobStore;
  readonly layers: LayerStore;
  readonly catalog: Catalog;
  readonly limits: ImageLimits;
  readonly clock: Clock;
  readonly registries: RegistrySettings;
  /** One download for each blob at a time; whoever comes second finds it there. */
  readonly downloading: KeyedLock;
}

/** Where blobs come from. What comes is checked here, not there. */
export interface BlobSource {
  blob(digest: Digest, sizeBytes: number): ByteStream;
}

export interface WantedImage {
  readonly source: BlobSource;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly parent?: ImageId | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Throws for an image that the caller doesn't want after all. */
  readonly checkDocument?: ((document: ImageDocument) => void) | undefined;
}

/** Makes an image here, of what its manifest names: blobs that are here already are not fetched again. */
export async function fetchImage(parts: FetchParts, lease: Lease, wanted: WantedImage): Promise<Image> {
  return await new Fetch(parts, lease, wanted).run();
}

class Fetch {
  readonly #parts: FetchParts;
  readonly #lease: Lease;
  readonly #wanted: WantedImage;
  readonly #onProgress: OnProgress;
  readonly #failed = new AbortController();

  constructor(parts: FetchParts, lease: Lease, wanted: WantedImage) {
    this.#parts = parts;
    this.#lease = lease;
    this.#wanted = wanted;
    this.#onProgress = wanted.onProgress ?? (() => {});
  }

  async run(): Promise<Image> {
    const { blobs, catalog, limits } = this.#parts;
    const { manifest, manifestBytes, checkDocument, parent } = this.#wanted;
    const lease = this.#lease;
    if (manifest.layers.length > limits.layersMax)
      throw new KraudError('exhausted', `the image has more than ${limits.layersMax} layers`);
    await this.#download(manifest.config, limits.documentBytesMax);
    const document = parseDocument(await blobs.readBytes(manifest.config.digest));
    checkDocument?.(document);
    const diffIds = document.rootfs.diff_ids.map(parseDigest);
    if (diffIds.length !== manifest.layers.length)
      throw new KraudError(
        'corrupt',
        `the manifest has ${manifest.layers.length} layers, the image's config ${diffIds.length}`,
      );
    for (const layer of manifest.layers)
      this.#onProgress({ status: 'Pulling fs layer', progressDetail: {}, id: shortOf(layer.digest) });
    const layers = await this.#layers(manifest.layers, diffIds);
    const { digest } = await blobs.putBytes(manifestBytes, lease);
    return await catalog.add(
      {
        id: manifest.config.digest,
        manifestDigest: digest,
        manifestMediaType: manifest.mediaType,
        layers,
        parent,
      },
      lease,
    );
  }

  /** Downloads a few at a time; reads them in order, each as soon as it and those below are there. */
  async #layers(
    wanted: readonly Descriptor[],
    diffIds: readonly ImageLayer['diffId'][],
  ): Promise<ImageLayer[]> {
    const { parallelDownloadsMax } = this.#parts.registries;
    const waiting = [...wanted.entries()];
    const arrivals = wanted.map(() => Promise.withResolvers<void>());
    // Each is awaited in turn below; one that fails before its turn must not count as unhandled.
    for (const arrival of arrivals) arrival.promise.catch(() => {});
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [i, descriptor] = next;
        try {
          this.#failed.signal.throwIfAborted();
          await this.#download(descriptor, this.#parts.limits.blobBytesMax);
          arrivals[i]?.resolve();
        } catch (error) {
          arrivals[i]?.reject(error);
          this.#failed.abort(error);
        }
      }
    };
    const workers = Array.from({ length: Math.min(parallelDownloadsMax, wanted.length) }, worker);
    const layers: ImageLayer[] = [];
    try {
      for (const [i, descriptor] of wanted.entries()) {
        await arrivals[i]?.promise;
        layers.push(await this.#examine(descriptor, diffIds[i] ?? descriptor.digest));
      }
    } catch (error) {
      this.#failed.abort(error);
      throw error;
    } finally {
      await Promise.all(workers);
    }
    return layers;
  }

  async #download(descriptor: Descriptor, bytesMax: number): Promise<void> {
    const { blobs, clock, downloading } = this.#parts;
    const { digest, sizeBytes } = descriptor;
    const lease = this.#lease;
    const id = shortOf(digest);
    const isLayer = /tar/.test(descriptor.mediaType);
    lease.hold(digest);
    await downloading.run(digest, async () => {
      const here = await blobs.sizeOf(digest);
      if (here !== undefined && here !== sizeBytes)
        throw new KraudError('corrupt', `blob ${digest} has ${here} bytes, the manifest says ${sizeBytes}`);
      if (here !== undefined) {
        if (isLayer) this.#onProgress({ status: 'Already exists', progressDetail: {}, id });
        return;
      }
      if (sizeBytes > bytesMax)
        throw new KraudError('exhausted', `blob ${digest} is larger than the limit of ${bytesMax} bytes`);
      const report = isLayer
        ? byteProgress(this.#onProgress, { status: 'Downloading', id, total: sizeBytes, clock })
        : () => {};
      await blobs.put(this.#watched(this.#wanted.source.blob(digest, sizeBytes), report), {
        lease,
        digest,
        sizeBytes,
        bytesMax,
      });
      if (isLayer) {
        this.#onProgress({ status: 'Verifying Checksum', progressDetail: {}, id });
        this.#onProgress({ status: 'Download complete', progressDetail: {}, id });
      }
    });
  }

  async #examine(descriptor: Descriptor, diffId: ImageLayer['diffId']): Promise<ImageLayer> {
    const { layers, catalog, clock } = this.#parts;
    const known = catalog.findLayer(descriptor.digest, diffId);
    if (known) return { ...known, mediaType: descriptor.mediaType };
    const id = shortOf(descriptor.digest);
    const report = byteProgress(this.#onProgress, {
      status: 'Extracting',
      id,
      total: descriptor.sizeBytes,
      clock,
    });
    const index = await layers.examine(descriptor.digest, diffId, report);
    this.#onProgress({ status: 'Pull complete', progressDetail: {}, id });
    return {
      digest: descriptor.digest,
      diffId,
      mediaType: descriptor.mediaType,
      blobBytes: descriptor.sizeBytes,
      contentBytes: index.contentBytes,
    };
  }

  async *#watched(
    stream: AsyncIterable<Uint8Array>,
    report: (current: number) => void,
  ): AsyncGenerator<Uint8Array> {
    let current = 0;
    for await (const chunk of stream) {
      this.#failed.signal.throwIfAborted();
      current += chunk.length;
      report(current);
      yield chunk;
    }
  }
}
