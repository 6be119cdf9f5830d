import { KraudError, withContext } from '@kraud/base';
import { ArchiveFiles } from '../archive/archive-files.ts';
import { parseManifestJson, type SavedItem } from '../archive/manifest-json.ts';
import type {
  ByteStream,
  Digest,
  Image,
  ImageLayer,
  LoadedImage,
  LoadOptions,
  Platform,
} from '../contract.ts';
import { shortOf } from '../digest.ts';
import type { Catalog } from '../image/catalog.ts';
import { parseDocument } from '../image/document.ts';
import { type IndexEntry, type Manifest, ociLayerType, parseManifest } from '../image/manifest.ts';
import { fitness, formatPlatform, hostPlatform } from '../image/platform.ts';
import { fitting, selectPlatform } from '../image/select.ts';
import type { LayerStore } from '../layer/layer-store.ts';
import type { ImageLimits } from '../limits.ts';
import { Reference } from '../reference/reference.ts';
import type { Blob, BlobStore } from '../store/blobs.ts';
import type { Lease } from '../store/lease.ts';
import { compressionOf } from '../store/unpack.ts';
import { assemble } from './assemble.ts';

export interface LoadParts {
  readonly blobs: BlobStore;
  readonly layers: LayerStore;
  readonly catalog: Catalog;
  readonly limits: ImageLimits;
}

/** The images of a `docker save` archive or of an OCI layout in a tar; all of them or none. */
export async function loadImages(
  parts: LoadParts,
  archive: ByteStream,
  options: LoadOptions,
): Promise<readonly LoadedImage[]> {
  using lease = parts.blobs.lease();
  const files = await ArchiveFiles.read(archive, { ...parts, lease });
  const loading = new Loading(parts, files, lease, options);
  const saved = files.find('manifest.json');
  const loaded = saved ? await loading.docker(saved) : await loading.oci();
  if (loaded.length === 0) throw new KraudError('invalid', 'the archive contains no image');
  return loaded;
}

interface Ready {
  readonly names: readonly Reference[];
  readonly layers: readonly ImageLayer[];
  readonly config: Blob;
  readonly manifest?: { readonly digest: Digest; readonly mediaType: string } | undefined;
}

class Loading {
  readonly #parts: LoadParts;
  readonly #files: ArchiveFiles;
  readonly #lease: Lease;
  readonly #options: LoadOptions;

  constructor(parts: LoadParts, files: ArchiveFiles, lease: Lease, options: LoadOptions) {
    this.#parts = parts;
    this.#files = files;
    this.#lease = lease;
    this.#options = options;
  }

  /** With Docker's `manifest.json`. If there is an OCI manifest for the same image too, its digest is kept. */
  async docker(saved: Blob): Promise<LoadedImage[]> {
    const items = parseManifestJson(JSON.parse(await this.#text(saved)));
    const manifests = await this.#manifestsByConfig();
    const ready: Ready[] = [];
    for (const item of items) ready.push(await this.#savedItem(item, manifests));
    return await this.#register(ready);
  }

  async oci(): Promise<LoadedImage[]> {
    const entries = await this.#indexEntries();
    if (!entries)
      throw new KraudError(
        'invalid',
        'not an image archive: it has neither manifest.json nor an OCI index.json',
      );
    const wanted = this.#options.platform ?? hostPlatform();
    const named = entries.filter((entry) => entry.annotations['vnd.docker.reference.type'] === undefined);
    const ready: Ready[] = [];
    for (const entry of named) {
      const found = await this.#resolve(entry, wanted);
      const names = nameOf(entry);
      const known = ready.findIndex((each) => each.config.digest === found.manifest.config.digest);
      const before = ready[known];
      if (before) ready[known] = { ...before, names: [...before.names, ...names] };
      else
        ready.push({
          names,
          config: this.#blob(found.manifest.config.digest),
          layers: await this.#layers(
            found.manifest.layers.map((layer) => this.#blob(layer.digest)),
            found.manifest,
          ),
          manifest: { digest: found.digest, mediaType: found.manifest.mediaType },
        });
    }
    return await this.#register(ready);
  }

  async #savedItem(item: SavedItem, manifests: ReadonlyMap<Digest, Found>): Promise<Ready> {
    const config = this.#files.get(item.config);
    const found = manifests.get(config.digest);
    const blobs = item.layers.map((path) => this.#files.get(path));
    const same = found?.manifest.layers.every((layer, i) => layer.digest === blobs[i]?.digest);
    return {
      names: item.names,
      config,
      layers: await this.#layers(blobs, same ? found?.manifest : undefined, config),
      manifest: found && same ? { digest: found.digest, mediaType: found.manifest.mediaType } : undefined,
    };
  }

  /** Everything has been read and judged; now the images appear, one after the other. */
  async #register(ready: readonly Ready[]): Promise<LoadedImage[]> {
    const { catalog, blobs } = this.#parts;
    for (const { config } of ready) await this.#checkPlatform(config);
    const loaded: LoadedImage[] = [];
    for (const { names, layers, config, manifest } of ready) {
      let image: Image;
      if (manifest)
        image = await catalog.add(
          {
            id: config.digest,
            manifestDigest: manifest.digest,
            manifestMediaType: manifest.mediaType,
            layers,
          },
          this.#lease,
        );
      else {
        const document = await blobs.readBytes(config.digest);
        image = await assemble({ ...this.#parts, lease: this.#lease }, { document, layers });
      }
      loaded.push({ image, names });
    }
    return loaded;
  }

  async #checkPlatform(config: Blob): Promise<void> {
    const { platform } = this.#options;
    if (!platform) return;
    const offered = parseDocument(await this.#bytes(config));
    if (fitness(platform, offered) !== undefined) return;
    throw new KraudError(
      'not-found',
      `the archive has an image for ${formatPlatform(offered)}, not for the specified platform (${formatPlatform(platform)})`,
    );
  }

  async #layers(blobs: readonly Blob[], manifest?: Manifest, config?: Blob): Promise<ImageLayer[]> {
    const document = parseDocument(await this.#bytes(config ?? this.#blob(manifest?.config.digest)));
    const diffIds = document.rootfs.diff_ids;
    if (diffIds.length !== blobs.length)
      throw new KraudError(
        'corrupt',
        `the config names ${diffIds.length} layers, the archive has ${blobs.length}`,
      );
    const layers: ImageLayer[] = [];
    for (const [i, blob] of blobs.entries()) {
      const id = shortOf(diffIds[i] ?? blob.digest);
      const total = blob.sizeBytes;
      this.#options.signal?.throwIfAborted();
      const index = await this.#parts.layers.examine(blob.digest, diffIds[i], (current) =>
        this.#options.onProgress?.({ status: 'Loading layer', id, progressDetail: { current, total } }),
      );
      layers.push({
        digest: blob.digest,
        diffId: index.diffId,
        mediaType:
          manifest?.layers[i]?.mediaType ??
          ociLayerType(compressionOf(await this.#parts.blobs.head(blob.digest))),
        blobBytes: blob.sizeBytes,
        contentBytes: index.contentBytes,
      });
    }
    return layers;
  }

  async #indexEntries(): Promise<readonly IndexEntry[] | undefined> {
    const file = this.#files.find('index.json');
    if (!file || !this.#files.find('oci-layout')) return undefined;
    const index = parseManifest(await this.#bytes(file));
    if (index.kind !== 'index') throw new KraudError('corrupt', 'index.json is not an index');
    return index.manifests;
  }

  /** Down through nested indexes to the manifest for the platform that is in the archive. */
  async #resolve(entry: IndexEntry, platform: Platform, depth = 0): Promise<Found> {
    const document = parseManifest(await this.#bytes(this.#blob(entry.digest)), entry.mediaType);
    if (document.kind === 'manifest') return { manifest: document, digest: entry.digest };
    if (depth >= 3) throw new KraudError('corrupt', 'indexes are nested too deep');
    const here = fitting(document.manifests, platform).find((each) => this.#files.withDigest(each.digest));
    return await this.#resolve(here ?? selectPlatform(document.manifests, platform), platform, depth + 1);
  }

  /** All OCI manifests in the archive, by the image they are for; what can't be read isn't needed. */
  async #manifestsByConfig(): Promise<ReadonlyMap<Digest, Found>> {
    const found = new Map<Digest, Found>();
    for (const entry of (await this.#indexEntries().catch(() => undefined)) ?? []) {
      try {
        const resolved = await this.#resolve(entry, this.#options.platform ?? hostPlatform());
        found.set(resolved.manifest.config.digest, resolved);
      } catch (error) {
        if (!(error instanceof KraudError)) throw error;
      }
    }
    return found;
  }

  #blob(digest: Digest | undefined): Blob {
    const blob = digest && this.#files.withDigest(digest);
    if (!blob) throw new KraudError('corrupt', `the archive has no blob ${digest}, which its manifest names`);
    return blob;
  }

  async #bytes(blob: Blob): Promise<Buffer> {
    if (blob.sizeBytes > this.#parts.limits.documentBytesMax)
      throw new KraudError(
        'exhausted',
        `a document is larger than ${this.#parts.limits.documentBytesMax} bytes`,
      );
    return await this.#parts.blobs.readBytes(blob.digest);
  }

  async #text(blob: Blob): Promise<string> {
    const text = (await this.#bytes(blob)).toString();
    try {
      JSON.parse(text);
    } catch (error) {
      throw withContext(new KraudError('corrupt', 'it is not valid JSON', { cause: error }), 'manifest.json');
    }
    return text;
  }
}

interface Found {
  readonly manifest: Manifest;
  readonly digest: Digest;
}

/** containerd writes the full name; others a full name or only a tag, which names nothing. */
function nameOf(entry: IndexEntry): readonly Reference[] {
  const full = entry.annotations['io.containerd.image.name'];
  const short = entry.annotations['org.opencontainers.image.ref.name'];
  const text = full ?? (short !== undefined && /[/:]/.test(short) ? short : undefined);
  const name = text === undefined ? undefined : Reference.tryParse(text);
  return name ? [name.withDefaultTag()] : [];
}
