import type { Clock } from '@kraud/base';
import type { ByteStream, Image, ImportOptions } from '../contract.ts';
import type { Catalog } from '../image/catalog.ts';
import { applyChanges } from '../image/changes.ts';
import { withLayer } from '../image/document.ts';
import { hostPlatform, normalise } from '../image/platform.ts';
import type { LayerStore } from '../layer/layer-store.ts';
import type { ImageLimits } from '../limits.ts';
import type { BlobStore } from '../store/blobs.ts';
import { assemble } from './assemble.ts';
import { newLayer } from './new-layer.ts';

/** An image of one layer, from a tar of a root directory. */
export async function importImage(
  parts: { blobs: BlobStore; layers: LayerStore; catalog: Catalog; limits: ImageLimits; clock: Clock },
  tar: ByteStream,
  options: ImportOptions,
): Promise<Image> {
  // What is wrong with the changes is found before a byte is read.
  const config = applyChanges({}, options.changes ?? []);
  using lease = parts.blobs.lease();
  const layer = await newLayer(tar, { ...parts, lease });
  const document = withLayer(undefined, {
    diffId: layer.diffId,
    platform: options.platform ? normalise(options.platform) : hostPlatform(),
    config,
    history: {
      created: new Date(parts.clock.now()).toISOString(),
      comment: options.message ?? 'Imported from -',
    },
  });
  return await assemble({ ...parts, lease }, { document, layers: [layer] });
}
