import { encodeManifestJson, type SavedItem } from '../archive/manifest-json.ts';
import type { ByteStream, Digest, Image, SaveItem } from '../contract.ts';
import { hexOf } from '../digest.ts';
import type { Catalog } from '../image/catalog.ts';
import { platformOf } from '../image/document.ts';
import { mediaTypes } from '../image/manifest.ts';
import type { Reference } from '../reference/reference.ts';
import type { BlobStore } from '../store/blobs.ts';
import { encodeHeader, padding, tarEnd } from '../tar/writer.ts';

/**
 * One tar that is an OCI layout and a `docker save` archive at once, as current Docker writes it. The same
 * images and names give the same bytes. Missing images are found out now, not in the middle of the stream.
 */
export function saveImages(
  parts: { blobs: BlobStore; catalog: Catalog },
  items: readonly SaveItem[],
): ByteStream {
  const names = new Map<Image, Reference[]>();
  for (const item of items) {
    const image = parts.catalog.get(item.id);
    names.set(image, [...(names.get(image) ?? []), ...item.names]);
  }
  return writeArchive(parts.blobs, names);
}

async function* writeArchive(
  blobs: BlobStore,
  images: ReadonlyMap<Image, readonly Reference[]>,
): AsyncGenerator<Uint8Array> {
  using lease = blobs.lease();
  const needed = new Set<Digest>();
  for (const image of images.keys()) {
    for (const layer of image.layers) needed.add(layer.digest);
    needed.add(image.id);
    needed.add(image.manifestDigest);
  }
  for (const digest of needed) lease.hold(digest);
  yield encodeHeader({ type: 'dir', path: 'blobs/', mode: 0o755 });
  yield encodeHeader({ type: 'dir', path: 'blobs/sha256/', mode: 0o755 });
  const sizes = new Map<Digest, number>();
  for (const digest of needed) {
    const sizeBytes = (await blobs.sizeOf(digest)) ?? 0;
    sizes.set(digest, sizeBytes);
    yield encodeHeader({ type: 'file', path: blobPath(digest), mode: 0o644, sizeBytes });
    yield* blobs.read(digest);
    yield padding(sizeBytes);
  }
  yield* file('index.json', encodeIndex(images, sizes));
  yield* file('manifest.json', encodeManifestJson([...images].map(savedItem)));
  yield* file('oci-layout', '{"imageLayoutVersion":"1.0.0"}');
  yield tarEnd;
}

function savedItem([image, names]: [Image, readonly Reference[]]): SavedItem {
  return {
    config: blobPath(image.id),
    layers: image.layers.map((layer) => blobPath(layer.digest)),
    names: names.filter((name) => name.tag !== undefined),
  };
}

/** One entry for each name, as containerd has it; an image without a name has one too. */
function encodeIndex(
  images: ReadonlyMap<Image, readonly Reference[]>,
  sizes: ReadonlyMap<Digest, number>,
): string {
  const manifests = [...images].flatMap(([image, names]) => {
    const { os, architecture, variant } = platformOf(image.document);
    const descriptor = {
      mediaType: image.manifestMediaType,
      digest: image.manifestDigest,
      size: sizes.get(image.manifestDigest),
      platform: { architecture, os, ...(variant ? { variant } : {}) },
    };
    const tagged = names.filter((name) => name.tag !== undefined);
    if (tagged.length === 0) return [descriptor];
    return tagged.map((name) => ({
      ...descriptor,
      annotations: {
        'io.containerd.image.name': name.toString(),
        'org.opencontainers.image.ref.name': name.tag,
      },
    }));
  });
  return JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
}

function* file(path: string, text: string): Generator<Uint8Array> {
  const bytes = Buffer.from(text);
  yield encodeHeader({ type: 'file', path, mode: 0o644, sizeBytes: bytes.length });
  yield bytes;
  yield padding(bytes.length);
}

function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
