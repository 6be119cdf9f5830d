import type { Digest, Image, ImageUsage } from '../contract.ts';

/** Which layers are shared, and what all of them take. */
export function usageOf(images: readonly Image[]): { images: readonly ImageUsage[]; layersBytes: number } {
  const users = new Map<Digest, { images: Set<Image>; contentBytes: number }>();
  for (const image of images) {
    for (const layer of image.layers) {
      const entry = users.get(layer.diffId) ?? { images: new Set(), contentBytes: layer.contentBytes };
      entry.images.add(image);
      users.set(layer.diffId, entry);
    }
  }
  const shared = (diffId: Digest): boolean => (users.get(diffId)?.images.size ?? 0) > 1;
  return {
    images: images.map((image) => ({
      id: image.id,
      sizeBytes: image.sizeBytes,
      sharedBytes: image.layers
        .filter((layer) => shared(layer.diffId))
        .reduce((sum, layer) => sum + layer.contentBytes, 0),
    })),
    layersBytes: [...users.values()].reduce((sum, { contentBytes }) => sum + contentBytes, 0),
  };
}
