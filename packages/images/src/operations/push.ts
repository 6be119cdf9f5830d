import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Clock, KraudError } from '@kraud/base';
import type {
  ByteStream,
  Image,
  ImageId,
  ImageLayer,
  OnProgress,
  PushedImage,
  TransferOptions,
} from '../contract.ts';
import { digestOf, shortOf } from '../digest.ts';
import type { Catalog } from '../image/catalog.ts';
import {
  asOciLayerType,
  type Descriptor,
  encodeManifest,
  mediaTypes,
  ociLayerType,
} from '../image/manifest.ts';
import type { ImageLimits } from '../limits.ts';
import type { Reference } from '../reference/reference.ts';
import { Repository } from '../registry/repository.ts';
import { RegistrySession } from '../registry/session.ts';
import type { RegistrySettings } from '../registry/settings.ts';
import type { BlobStore } from '../store/blobs.ts';
import type { Lease } from '../store/lease.ts';
import { byteProgress } from './progress.ts';

export interface PushParts {
  readonly blobs: BlobStore;
  readonly catalog: Catalog;
  readonly limits: ImageLimits;
  readonly clock: Clock;
  readonly registries: RegistrySettings;
}

/**
 * Sends an image: layers and config that the registry lacks, then the manifest, so that a broken push shows
 * nothing. An image that was pulled goes back with the very manifest it came with; layers that were made here
 * are packed on the way, always to the same bytes.
 */
export async function pushImage(
  parts: PushParts,
  id: ImageId,
  reference: Reference,
  options: TransferOptions,
): Promise<PushedImage> {
  const image = parts.catalog.get(id);
  const name = reference.withDefaultTag();
  if (name.digest !== undefined) throw new KraudError('invalid', 'cannot push a digest reference');
  const { auth, signal } = options;
  const session = new RegistrySession(name.domain, {
    settings: parts.registries,
    clock: parts.clock,
    auth,
    signal,
  });
  using lease = parts.blobs.lease();
  lease.hold(image.id);
  lease.hold(image.manifestDigest);
  for (const layer of image.layers) lease.hold(layer.digest);
  const push = new Push(
    parts,
    new Repository(session, name.path, 'pull,push'),
    lease,
    options.onProgress ?? (() => {}),
  );
  return await push.run(image, name);
}

class Push {
  readonly #parts: PushParts;
  readonly #repository: Repository;
  readonly #lease: Lease;
  readonly #onProgress: OnProgress;

  constructor(parts: PushParts, repository: Repository, lease: Lease, onProgress: OnProgress) {
    this.#parts = parts;
    this.#repository = repository;
    this.#lease = lease;
    this.#onProgress = onProgress;
  }

  async run(image: Image, name: Reference): Promise<PushedImage> {
    const { blobs } = this.#parts;
    const tag = name.tag ?? '';
    this.#onProgress({ status: `The push refers to repository [${name.name}]` });
    for (const layer of image.layers)
      this.#onProgress({ status: 'Preparing', progressDetail: {}, id: shortOf(layer.diffId) });
    const sent: Descriptor[] = [];
    for (const layer of image.layers) sent.push(await this.#layer(layer));
    const config = {
      mediaType: mediaTypes.ociConfig,
      digest: image.id,
      sizeBytes: (await blobs.sizeOf(image.id)) ?? 0,
    };
    if (!(await this.#repository.hasBlob(config.digest)))
      await this.#repository.upload({ ...config, open: () => blobs.read(config.digest) });
    const unchanged = sent.every((layer, i) => layer.digest === image.layers[i]?.digest);
    const bytes = unchanged
      ? await blobs.readBytes(image.manifestDigest)
      : Buffer.from(encodeManifest(config, sent));
    const mediaType = unchanged ? image.manifestMediaType : mediaTypes.ociManifest;
    await this.#repository.putManifest(tag, mediaType, bytes);
    const digest = digestOf(bytes);
    this.#onProgress({ status: `${tag}: digest: ${digest} size: ${bytes.length}` });
    this.#onProgress({ aux: { Tag: tag, Digest: digest, Size: bytes.length } });
    return { digest, manifestBytes: bytes.length };
  }

  async #layer(layer: ImageLayer): Promise<Descriptor> {
    const { blobs, clock } = this.#parts;
    const id = shortOf(layer.diffId);
    const descriptor = await this.#packed(layer);
    if (await this.#repository.hasBlob(descriptor.digest)) {
      this.#onProgress({ status: 'Layer already exists', progressDetail: {}, id });
      return descriptor;
    }
    const total = descriptor.sizeBytes;
    const open = (): ByteStream =>
      watched(
        blobs.read(descriptor.digest),
        byteProgress(this.#onProgress, { status: 'Pushing', id, total, clock }),
      );
    await this.#repository.upload({ ...descriptor, open });
    this.#onProgress({ status: 'Pushed', progressDetail: {}, id });
    return descriptor;
  }

  /** Gzip, as nothing else is understood everywhere; it is kept only while this push runs. */
  async #packed(layer: ImageLayer): Promise<Descriptor> {
    const { blobs, limits } = this.#parts;
    const { digest, blobBytes: sizeBytes } = layer;
    if (asOciLayerType(layer.mediaType) !== mediaTypes.ociLayer)
      return { mediaType: layer.mediaType, digest, sizeBytes };
    const gzip = createGzip();
    const feeding = pipeline(Readable.from(blobs.read(digest)), gzip);
    const blob = await blobs.put(gzip, { lease: this.#lease, bytesMax: limits.blobBytesMax });
    await feeding;
    return { mediaType: ociLayerType('gzip'), ...blob };
  }
}

async function* watched(stream: ByteStream, report: (current: number) => void): AsyncGenerator<Uint8Array> {
  let current = 0;
  for await (const chunk of stream) {
    current += chunk.length;
    report(current);
    yield chunk;
  }
}
