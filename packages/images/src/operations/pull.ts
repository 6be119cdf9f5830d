import { KraudError } from '@kraud/base';
import type { Image, OnProgress, Platform, PulledImage, PullOptions } from '../contract.ts';
import { type Manifest, parseManifest } from '../image/manifest.ts';
import { fitness, formatPlatform, hostPlatform } from '../image/platform.ts';
import { selectPlatform } from '../image/select.ts';
import type { Reference } from '../reference/reference.ts';
import { type RemoteManifest, Repository } from '../registry/repository.ts';
import { RegistrySession } from '../registry/session.ts';
import { type FetchParts, fetchImage } from './fetch.ts';

const indexDepthMax = 3;

/** Fetches what is missing of an image. Its mirrors are asked first; the last fault of the registry itself counts. */
export async function pullImage(
  parts: FetchParts,
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
  readonly #parts: FetchParts;
  readonly #repository: Repository;
  readonly #name: Reference;
  readonly #platform: Platform | undefined;
  readonly #onProgress: OnProgress;

  constructor(parts: FetchParts, repository: Repository, name: Reference, options: PullOptions) {
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
    const image =
      known ??
      (await fetchImage(this.#parts, lease, {
        source: this.#repository,
        manifest,
        manifestBytes: remote.bytes,
        onProgress: this.#onProgress,
        checkDocument: (document) => this.#checkPlatform(document),
      }));
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
}
