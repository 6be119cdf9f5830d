import { mkdir } from 'node:fs/promises';
import { type Clock, KeyedLock, KraudError, type Logger, messageOf, type Random } from '@kraud/base';
import type {
  ByteStream,
  CommitOptions,
  DeletedImage,
  Digest,
  DiskUsage,
  HistoryLine,
  Image,
  ImageId,
  ImageManifest,
  ImageSource,
  Images,
  ImportOptions,
  LoadedImage,
  LoadOptions,
  PulledImage,
  PullOptions,
  PushedImage,
  RegistryAuth,
  RemoteDescriptor,
  Rootfs,
  RootfsFormat,
  RootfsUsers,
  SaveItem,
  TransferOptions,
} from './contract.ts';
import { Catalog } from './image/catalog.ts';
import { LayerStore } from './layer/layer-store.ts';
import { type ImageLimits, imageLimits } from './limits.ts';
import { commitImage } from './operations/commit.ts';
import { historyOf } from './operations/history.ts';
import { importImage } from './operations/import.ts';
import { loadImages } from './operations/load.ts';
import { login } from './operations/login.ts';
import { pullImage } from './operations/pull.ts';
import { pushImage } from './operations/push.ts';
import { manifestOf, receiveImage } from './operations/receive.ts';
import { describeRemote } from './operations/remote.ts';
import { saveImages } from './operations/save.ts';
import { tagsAt } from './operations/tags.ts';
import { usageOf } from './operations/usage.ts';
import type { Reference } from './reference/reference.ts';
import { type RegistrySettings, registrySettings } from './registry/settings.ts';
import { RootfsStore } from './rootfs/rootfs-store.ts';
import { BlobStore } from './store/blobs.ts';
import { AtomicFiles } from './store/files.ts';

export interface ImageStoreOptions {
  /** Owned by this store alone; made if it is missing. Root file systems are in `rootfs/` below it. */
  readonly dir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits?: Partial<ImageLimits>;
  readonly registries?: Partial<RegistrySettings>;
  readonly rootfsFormat?: RootfsFormat;
  readonly rootfsUsers?: RootfsUsers;
}

const nobody: RootfsUsers = { inUse: async () => new Set() };

interface Parts {
  readonly blobs: BlobStore;
  readonly layers: LayerStore;
  readonly rootfs: RootfsStore;
  readonly catalog: Catalog;
  readonly limits: ImageLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly users: RootfsUsers;
  readonly registries: RegistrySettings;
  readonly downloading: KeyedLock;
}

/** `Images` on a directory of this host. Every operation cleans up after itself, whether it worked or not. */
export class ImageStore implements Images {
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  static async open(options: ImageStoreOptions): Promise<ImageStore> {
    const { dir, clock, logger } = options;
    const limits = { ...imageLimits, ...options.limits };
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const files = await AtomicFiles.open(dir, options.random);
    const blobs = await BlobStore.open(dir, files);
    const layers = await LayerStore.open(dir, { files, blobs, limits });
    const rootfs = await RootfsStore.open(dir, { files, limits, format: options.rootfsFormat ?? 'squashfs' });
    const catalog = await Catalog.open(dir, { files, blobs, layers, rootfs, clock, logger, limits });
    const users = options.rootfsUsers ?? nobody;
    const registries = { ...registrySettings, ...options.registries };
    const downloading = new KeyedLock();
    const store = new ImageStore({
      blobs,
      layers,
      rootfs,
      catalog,
      limits,
      clock,
      logger,
      users,
      registries,
      downloading,
    });
    store.#sweepBlobs();
    return store;
  }

  async pull(reference: Reference, options: PullOptions = {}): Promise<PulledImage> {
    return await this.#tidily(() => pullImage(this.#parts, reference, options));
  }

  async push(id: ImageId, reference: Reference, options: TransferOptions = {}): Promise<PushedImage> {
    return await this.#tidily(() => pushImage(this.#parts, id, reference, options));
  }

  async login(serverAddress: string, auth: RegistryAuth): Promise<{ identityToken?: string | undefined }> {
    return await login(this.#parts, serverAddress, auth);
  }

  async remote(reference: Reference, auth?: RegistryAuth): Promise<RemoteDescriptor> {
    return await describeRemote(this.#parts, reference, auth);
  }

  async tags(reference: Reference, auth?: RegistryAuth): Promise<readonly string[]> {
    return await tagsAt(this.#parts, reference, auth);
  }

  async load(archive: ByteStream, options: LoadOptions = {}): Promise<readonly LoadedImage[]> {
    return await this.#tidily(() => loadImages(this.#parts, stoppable(archive, options.signal), options));
  }

  save(items: readonly SaveItem[]): ByteStream {
    return saveImages(this.#parts, items);
  }

  async import(tar: ByteStream, options: ImportOptions = {}): Promise<Image> {
    return await this.#tidily(() => importImage(this.#parts, stoppable(tar, options.signal), options));
  }

  async commit(base: ImageId, layer: ByteStream, options: CommitOptions = {}): Promise<Image> {
    return await this.#tidily(() =>
      commitImage(this.#parts, base, stoppable(layer, options.signal), options),
    );
  }

  async manifest(id: ImageId): Promise<ImageManifest> {
    return await manifestOf(this.#parts, id);
  }

  blob(digest: Digest, start = 0): ByteStream {
    return this.#parts.blobs.read(digest, { start, end: Number.POSITIVE_INFINITY });
  }

  async receive(id: ImageId, source: ImageSource): Promise<Image> {
    return await this.#tidily(() => receiveImage(this.#parts, id, source));
  }

  async find(id: ImageId): Promise<Image | undefined> {
    return this.#parts.catalog.find(id);
  }

  async get(id: ImageId): Promise<Image> {
    return this.#parts.catalog.get(id);
  }

  async withPrefix(prefix: string): Promise<readonly ImageId[]> {
    const whole = prefix.startsWith('sha256:') ? prefix : `sha256:${prefix}`;
    return this.#parts.catalog.list().flatMap(({ id }) => (id.startsWith(whole) ? [id] : []));
  }

  async list(): Promise<readonly Image[]> {
    return this.#parts.catalog.list();
  }

  async history(id: ImageId): Promise<readonly HistoryLine[]> {
    return historyOf(this.#parts.catalog.get(id));
  }

  async children(id: ImageId): Promise<readonly ImageId[]> {
    return this.#parts.catalog.list().flatMap((image) => (image.parent === id ? [image.id] : []));
  }

  async usage(): Promise<DiskUsage> {
    const { catalog, blobs, rootfs } = this.#parts;
    return { ...usageOf(catalog.list()), diskBytes: blobs.totalBytes() + (await rootfs.totalBytes()) };
  }

  async rootfs(id: ImageId): Promise<Rootfs> {
    return await this.#parts.catalog.rootfs(id);
  }

  async delete(id: ImageId): Promise<DeletedImage> {
    const { catalog } = this.#parts;
    const image = catalog.get(id);
    if (!(await catalog.remove(id))) throw new KraudError('not-found', `No such image: ${id}`);
    const left = new Set(catalog.list().flatMap((other) => other.layers.map((layer) => layer.diffId)));
    const { reclaimedBytes } = await this.collect();
    const layers = image.layers.map((layer) => layer.diffId).filter((diffId) => !left.has(diffId));
    return { id, layers: layers.reverse(), reclaimedBytes };
  }

  async collect(): Promise<{ reclaimedBytes: number }> {
    const { catalog, rootfs, users } = this.#parts;
    // Asked first: a pod that starts from here on has its image in the catalog.
    const inUse = await users.inUse();
    const swept = this.#sweepBlobs();
    const fromRootfs = await rootfs.sweep((key) => inUse.has(key) || catalog.hasRootfs(key));
    return { reclaimedBytes: swept + fromRootfs.reclaimedBytes };
  }

  #sweepBlobs(): number {
    const { catalog, blobs, layers } = this.#parts;
    const needed = new Set<Digest>();
    const diffIds = new Set<Digest>();
    for (const image of catalog.list()) {
      needed.add(image.id).add(image.manifestDigest);
      for (const layer of image.layers) {
        needed.add(layer.digest);
        diffIds.add(layer.diffId);
      }
    }
    layers.sweep((diffId) => diffIds.has(diffId));
    return blobs.sweep((digest) => needed.has(digest)).reclaimedBytes;
  }

  /** What an operation left that no image needs goes at once, not at the next prune. */
  async #tidily<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } finally {
      try {
        this.#sweepBlobs();
      } catch (error) {
        this.#parts.logger.warn({ error: messageOf(error) }, 'sweeping blobs failed');
      }
    }
  }
}

async function* stoppable(stream: ByteStream, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    if (signal?.aborted) throw new KraudError('canceled', 'canceled');
    yield chunk;
  }
}
