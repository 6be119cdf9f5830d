import { type Clock, type KeyedLock, KraudError } from '@kraud/base';
import type { Image, ImageLayer, OnProgress, Platform, PulledImage, PullOptions } from '../contract.ts';
import { parseDigest, shortOf } from '../digest.ts';
import type { Catalog } from '../image/catalog.ts';
import { parseDocument } from '../image/document.ts';
import { type Descriptor, type Manifest, parseManifest } from '../image/manifest.ts';
import { fitness, formatPlatform, hostPlatform } from '../image/platform.ts';
import { selectPlatform } from '../image/select.ts';
import type { LayerStore } from '../layer/layer-store.ts';
import type { ImageLimits } from '../limits.ts';
import type { Reference } from '../reference/reference.ts';
import { type RemoteManifest, Repository } from '../registry/repository.ts';
import { RegistrySession } from '../registry/session.ts';
import type { RegistrySettings } from '../registry/settings.ts';
import type { BlobStore } from '../store/blobs.ts';
import type { Lease } from '../store/lease.ts';
import { byteProgress } from './progress.ts';

const indexDepthMax = 3;

export interface PullParts {
  readonly blobs: BlobStore;
  readonly layers: LayerStore;
  readonly catalog: Catalog;
  readonly limits: ImageLimits;
  readonly clock: Clock;
  readonly registries: RegistrySettings;
  /** One download for each blob at a time; whoever comes second finds it there. */
  readonly downloading: KeyedLock;
}

/** Fetches what is missing of an image. Its mirrors are asked first; the last fault of the registry itself counts. */
export async function pullImage(
  parts: PullParts,
  reference: Reference,
  options: PullOptions,
): Promise<PulledImage> {
  const name = reference.withDefaultTag();
  const { auth, signal } = options;
  const session = new RegistrySession(name.domain, {
    settings: parts.registries,
    clock: parts.clock,
    auth,
    signal,
  });
  for (const mirror of session.mirrors()) {
    try {
      return await new Pull(parts, new Repository(mirror, name.path, 'pull'), name, options).run();
    } catch (error) {
      if (signal?.aborted || (error instanceof KraudError && error.code === 'exhausted')) throw error;
    }
  }
  return await new Pull(parts, new Repository(session, name.path, 'pull'), name, options).run();
}

class Pull {
  readonly #parts: PullParts;
  readonly #repository: Repository;
  readonly #name: Reference;
  readonly #platform: Platform | undefined;
  readonly #onProgress: OnProgress;
  readonly #failed = new AbortController();

  constructor(parts: PullParts, repository: Repository, name: Reference, options: PullOptions) {
    this.#parts = parts;
    this.#repository = repository;
    this.#name = name;
    this.#platform = options.platform;
    this.#onProgress = options.onProgress ?? (() => {});
  }

  async run(): Promise<PulledImage> {
    const { blobs, catalog } = this.#parts;
    using lease = blobs.lease();
    const top = await this.#top();
    const tag = this.#name.tag ?? this.#name.digest ?? '';
    this.#onProgress({
      status: `Pulling from ${this.#name.familiarName.replace(/^[^/]*[.:][^/]*\//, '')}`,
      id: tag,
    });
    const { manifest, remote } = await this.#resolve(top, 0);
    const known = catalog.find(manifest.config.digest);
    const image = known ?? (await this.#fetch(manifest, remote, lease));
    if (known) this.#checkPlatform(known.document);
    this.#onProgress({ status: `Digest: ${top.digest}` });
    const outcome = known ? 'Image is up to date for' : 'Downloaded newer image for';
    this.#onProgress({ status: `Status: ${outcome} ${this.#name.familiar()}` });
    return { image, repoDigest: top.digest, changed: !known };
  }

  async #top(): Promise<RemoteManifest> {
    try {
      return await this.#manifest(this.#name.digest ?? this.#name.tag ?? '');
    } catch (error) {
      if (!(error instanceof KraudError)) throw error;
      if (error.code === 'not-found')
        throw new KraudError(
          'not-found',
          `manifest for ${this.#name.familiar()} not found: ${error.message}`,
        );
      if (error.code === 'unauthenticated' || error.code === 'forbidden')
        throw new KraudError(
          error.code,
          `pull access denied for ${this.#name.familiarName}, repository does not exist or may require 'docker login': ${error.message}`,
          { cause: error },
        );
      throw error;
    }
  }

  #manifest(name: string): Promise<RemoteManifest> {
    return this.#repository.manifest(name, this.#parts.limits.documentBytesMax);
  }

  async #resolve(
    remote: RemoteManifest,
    depth: number,
  ): Promise<{ manifest: Manifest; remote: RemoteManifest }> {
    const manifest = parseManifest(remote.bytes, remote.contentType);
    if (manifest.kind === 'manifest') return { manifest, remote };
    if (depth >= indexDepthMax) throw new KraudError('corrupt', 'indexes are nested too deep');
    const chosen = selectPlatform(manifest.manifests, this.#platform ?? hostPlatform());
    return await this.#resolve(await this.#manifest(chosen.digest), depth + 1);
  }

  async #fetch(manifest: Manifest, remote: RemoteManifest, lease: Lease): Promise<Image> {
    const { blobs, catalog, limits } = this.#parts;
    if (manifest.layers.length > limits.layersMax)
      throw new KraudError('exhausted', `the image has more than ${limits.layersMax} layers`);
    await this.#download(manifest.config, limits.documentBytesMax, lease);
    const document = parseDocument(await blobs.readBytes(manifest.config.digest));
    this.#checkPlatform(document);
    const diffIds = document.rootfs.diff_ids.map(parseDigest);
    if (diffIds.length !== manifest.layers.length)
      throw new KraudError(
        'corrupt',
        `the manifest has ${manifest.layers.length} layers, the image's config ${diffIds.length}`,
      );
    for (const layer of manifest.layers)
      this.#onProgress({ status: 'Pulling fs layer', progressDetail: {}, id: shortOf(layer.digest) });
    const layers = await this.#layers(manifest.layers, diffIds, lease);
    await blobs.putBytes(remote.bytes, lease);
    return await catalog.add(
      {
        id: manifest.config.digest,
        manifestDigest: remote.digest,
        manifestMediaType: manifest.mediaType,
        layers,
      },
      lease,
    );
  }

  /** Downloads a few at a time; reads them in order, each as soon as it and those below are there. */
  async #layers(
    wanted: readonly Descriptor[],
    diffIds: readonly ImageLayer['diffId'][],
    lease: Lease,
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
          await this.#download(descriptor, this.#parts.limits.blobBytesMax, lease);
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

  async #download(descriptor: Descriptor, bytesMax: number, lease: Lease): Promise<void> {
    const { blobs, clock, downloading } = this.#parts;
    const { digest, sizeBytes } = descriptor;
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
      await blobs.put(this.#watched(this.#repository.blob(digest, sizeBytes), report), {
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

  /** An image that is not in an index is taken as it is, unless a platform was asked for by name. */
  #checkPlatform(document: Image['document']): void {
    if (document.os !== '' && document.os !== 'linux')
      throw new KraudError(
        'unsupported',
        `image operating system "${document.os}" cannot be used on this platform`,
      );
    if (!this.#platform || fitness(this.#platform, document) !== undefined) return;
    throw new KraudError(
      'not-found',
      `image with reference ${this.#name.familiar()} was found but its platform (${formatPlatform(document)}) does not match the specified platform (${formatPlatform(this.#platform)})`,
    );
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
