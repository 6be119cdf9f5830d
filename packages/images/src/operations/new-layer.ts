import type { ByteStream, ImageLayer } from '../contract.ts';
import { ociLayerType } from '../image/manifest.ts';
import type { LayerStore } from '../layer/layer-store.ts';
import type { ImageLimits } from '../limits.ts';
import type { BlobStore } from '../store/blobs.ts';
import type { Lease } from '../store/lease.ts';
import { compressionOf, unpack } from '../store/unpack.ts';

/** Keeps a layer that comes as a stream, packed as it is if OCI has a media type for that, else unpacked. */
export async function newLayer(
  stream: ByteStream,
  parts: { blobs: BlobStore; layers: LayerStore; limits: ImageLimits; lease: Lease },
): Promise<ImageLayer> {
  const { blobs, layers, limits, lease } = parts;
  const iterator = stream[Symbol.asyncIterator]();
  const first = await iterator.next();
  const head = first.done ? new Uint8Array() : first.value;
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      yield head;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  const compression = compressionOf(head);
  const foreign = compression === 'xz' || compression === 'bzip2';
  const blob = await blobs.put(foreign ? unpack(whole()) : whole(), { lease, bytesMax: limits.blobBytesMax });
  const index = await layers.examine(blob.digest);
  return {
    digest: blob.digest,
    diffId: index.diffId,
    mediaType: ociLayerType(foreign ? 'none' : compression),
    blobBytes: blob.sizeBytes,
    contentBytes: index.contentBytes,
  };
}
