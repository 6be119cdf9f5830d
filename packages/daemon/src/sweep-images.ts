import type { Images } from '@kraud/images';
import type { Tables } from '@kraud/macro';

/** At start, when nothing is under way: removes the content of images that no tenant has and no pod needs. */
export async function sweepImages(tables: Tables, images: Images): Promise<void> {
  const needed = new Set([
    ...tables.images.everywhere().map((image) => image.spec.id),
    ...tables.pods.everywhere().flatMap((pod) => pod.spec.containers.map((container) => container.image.id)),
  ]);
  for (const { id } of await images.list()) if (!needed.has(id)) await images.delete(id);
}
