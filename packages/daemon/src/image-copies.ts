import type { Clock, Logger } from '@kraud/base';
import { ImageFetcher, ImageKeeper, type ImageLinkLimits } from '@kraud/host';
import type { Images } from '@kraud/images';
import type { Tables } from '@kraud/macro';
import type { HostLinks } from './link.ts';

export interface ImageCopiesParts {
  readonly name: string;
  readonly images: Images;
  readonly links: HostLinks;
  readonly tables: Pick<Tables, 'images' | 'hosts'>;
  readonly limits: ImageLinkLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What brings images to this host, and what keeps enough copies of each. */
export function imageCopies({ links, tables, ...parts }: ImageCopiesParts): {
  fetcher: ImageFetcher;
  keeper: ImageKeeper;
} {
  const fetcher = new ImageFetcher({ ...parts, others: (id) => links.others(id) });
  const keeper = new ImageKeeper({
    ...parts,
    fetcher,
    wanted: () => [...new Set(tables.images.everywhere().map(({ spec }) => spec.id))],
    hosts: () => tables.hosts.everywhere(),
    subscribe: (listener) => {
      const stops = [tables.images.cache.subscribe(listener), tables.hosts.cache.subscribe(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
  });
  return { fetcher, keeper };
}
