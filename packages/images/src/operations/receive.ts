import { KraudError } from '@kraud/base';
import type { Image, ImageId, ImageManifest, ImageSource } from '../contract.ts';
import { parseManifest } from '../image/manifest.ts';
import { type FetchParts, fetchImage } from './fetch.ts';

/** What another host needs of an image besides its blobs. */
export async function manifestOf(parts: FetchParts, id: ImageId): Promise<ImageManifest> {
  const { manifestDigest, manifestMediaType: mediaType, parent } = parts.catalog.get(id);
  const bytes = await parts.blobs.readBytes(manifestDigest);
  return { bytes, mediaType, ...(parent === undefined ? {} : { parent }) };
}

/** The image as another host has it. Nothing that comes from there is believed: all of it hangs on the image's id. */
export async function receiveImage(parts: FetchParts, id: ImageId, source: ImageSource): Promise<Image> {
  using lease = parts.blobs.lease();
  const { bytes, mediaType, parent } = await source.manifest();
  if (bytes.length > parts.limits.documentBytesMax) {
    throw new KraudError('exhausted', `the manifest of ${id} is larger than the limit`);
  }
  const manifest = parseManifest(bytes, mediaType);
  if (manifest.kind !== 'manifest' || manifest.config.digest !== id) {
    throw new KraudError('corrupt', `what was sent as the manifest of ${id} is another one's`);
  }
  const known = parts.catalog.find(id);
  return known ?? (await fetchImage(parts, lease, { source, manifest, manifestBytes: bytes, parent }));
}
