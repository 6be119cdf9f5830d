import { codeOf } from '@kraud/base';
import type { HostApi, HostImages } from '../contract.ts';
import type { ImageFetcher } from './fetcher.ts';

export interface CloudImagesParts {
  readonly here: HostImages;
  readonly fetcher: Pick<ImageFetcher, 'ensure'>;
  /** All other hosts that may be reached, those first that probably have the image. */
  readonly others: (id?: string) => Pick<HostApi, 'name' | 'images'>[];
}

/**
 * The images of all hosts as if they were one's. What comes in from outside comes to this host; what is asked of an
 * image is answered by a host that has it; what goes out to a client is brought here first; what is removed is
 * removed everywhere. A host that is away removes at its next start what nobody has any more.
 */
export function cloudImages({ here, fetcher, others }: CloudImagesParts): HostImages {
  return {
    ...here,
    async facts(id) {
      try {
        return await here.facts(id);
      } catch (error) {
        if (codeOf(error) !== 'not-found') throw error;
        return await firstOf(others(id), error, (images) => images.facts(id));
      }
    },
    async push(id, reference, options) {
      await fetcher.ensure(id);
      return await here.push(id, reference, options);
    },
    async save(images, signal) {
      for (const { id } of images) await fetcher.ensure(id);
      return await here.save(images, signal);
    },
    async remove(id) {
      const all = [here, ...others(id).map(({ images }) => images)];
      const removed = await Promise.all(
        all.map(async (images) => {
          try {
            return await images.remove(id);
          } catch (error) {
            if (['not-found', 'unavailable', 'timeout'].includes(codeOf(error))) return [];
            throw error;
          }
        }),
      );
      return [...new Set(removed.flat())];
    },
    async usage() {
      const usage = await here.usage();
      const images = { ...usage.images };
      let { layersBytes } = usage;
      for (const host of others()) {
        const more = await host.images.usage().catch(() => undefined);
        for (const [id, use] of Object.entries(more?.images ?? {})) {
          if (images[id]) continue;
          images[id] = use;
          layersBytes += use.sizeBytes - use.sharedBytes;
        }
      }
      return { layersBytes, images };
    },
    async prepare(id) {
      await fetcher.ensure(id);
      await here.prepare(id);
    },
  };
}

/** The answer of the first host that has it; without one `missing`, or why the last one could not be asked. */
async function firstOf<T>(
  hosts: readonly Pick<HostApi, 'images'>[],
  missing: unknown,
  ask: (images: HostImages) => Promise<T>,
): Promise<T> {
  let fault = missing;
  for (const { images } of hosts) {
    try {
      return await ask(images);
    } catch (error) {
      if (codeOf(error) !== 'not-found') fault = error;
    }
  }
  throw fault;
}
