import type { Image, ImageDocument, ImageId, ImageLayer } from '../contract.ts';
import type { Catalog } from '../image/catalog.ts';
import { encodeDocument } from '../image/document.ts';
import { asOciLayerType, encodeManifest, mediaTypes } from '../image/manifest.ts';
import type { BlobStore } from '../store/blobs.ts';
import type { Lease } from '../store/lease.ts';

/** Makes an image of a document of ours (or one given as bytes) and layers that are here, with an OCI manifest. */
export async function assemble(
  parts: { blobs: BlobStore; catalog: Catalog; lease: Lease },
  image: { document: ImageDocument | Uint8Array; layers: readonly ImageLayer[]; parent?: ImageId },
): Promise<Image> {
  const { blobs, catalog, lease } = parts;
  const bytes = image.document instanceof Uint8Array ? image.document : encodeDocument(image.document);
  const config = await blobs.putBytes(bytes, lease);
  const layers = image.layers.map((layer) => ({ ...layer, mediaType: asOciLayerType(layer.mediaType) }));
  const manifest = encodeManifest(
    { mediaType: mediaTypes.ociConfig, ...config },
    layers.map((layer) => ({ mediaType: layer.mediaType, digest: layer.digest, sizeBytes: layer.blobBytes })),
  );
  const { digest } = await blobs.putBytes(manifest, lease);
  return await catalog.add(
    {
      id: config.digest,
      manifestDigest: digest,
      manifestMediaType: mediaTypes.ociManifest,
      layers,
      parent: image.parent,
    },
    lease,
  );
}
