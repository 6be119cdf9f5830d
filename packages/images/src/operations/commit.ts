import type { Clock } from '@kraud/base';
import type { ByteStream, CommitOptions, Image, ImageId } from '../contract.ts';
import type { Catalog } from '../image/catalog.ts';
import { applyChanges } from '../image/changes.ts';
import { platformOf, withLayer } from '../image/document.ts';
import type { LayerStore } from '../layer/layer-store.ts';
import type { ImageLimits } from '../limits.ts';
import type { BlobStore } from '../store/blobs.ts';
import { assemble } from './assemble.ts';
import { newLayer } from './new-layer.ts';

/** The base image with one layer more on top. */
export async function commitImage(
  parts: { blobs: BlobStore; layers: LayerStore; catalog: Catalog; limits: ImageLimits; clock: Clock },
  baseId: ImageId,
  tar: ByteStream,
  options: CommitOptions,
): Promise<Image> {
  using lease = parts.blobs.lease();
  const base = parts.catalog.get(baseId);
  for (const layer of base.layers) lease.hold(layer.digest);
  const config = applyChanges({ ...base.document.config, ...options.config }, options.changes ?? []);
  const layer = await newLayer(tar, { ...parts, lease });
  const document = withLayer(base.document, {
    diffId: layer.diffId,
    platform: platformOf(base.document),
    config,
    author: options.author,
    history: {
      created: new Date(parts.clock.now()).toISOString(),
      ...(options.createdBy === undefined ? {} : { created_by: options.createdBy }),
      ...(options.author === undefined ? {} : { author: options.author }),
      ...(options.message === undefined ? {} : { comment: options.message }),
    },
  });
  return await assemble({ ...parts, lease }, { document, layers: [...base.layers, layer], parent: base.id });
}
