import { type Clock, codeOf, type Logger, messageOf } from '@kraud/base';
import type { Images } from '@kraud/images';
import type { Host } from '@kraud/macro';
import { copiesFor } from './copies.ts';
import type { ImageFetcher } from './fetcher.ts';
import type { ImageLinkLimits } from './limits.ts';

export interface KeeperParts {
  /** This host's name. */
  readonly name: string;
  readonly images: Pick<Images, 'list' | 'delete'>;
  readonly fetcher: ImageFetcher;
  /** Ids of the images that any tenant has. */
  readonly wanted: () => readonly string[];
  readonly hosts: () => readonly Host[];
  /** Calls when either may have changed. */
  readonly subscribe: (listener: () => void) => () => void;
  readonly limits: ImageLinkLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Knows which images are here, tells of it, and copies what too few hosts have. */
export class ImageKeeper {
  readonly #parts: KeeperParts;
  readonly #listeners = new Set<() => void>();
  #here: readonly string[] = [];
  #wake: () => void = () => {};

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    parts.fetcher.onFetched(() => this.#wake());
  }

  /** Calls when other images are here than before. */
  onChanged(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Ids of the images that are here, as last looked at. */
  get here(): readonly string[] {
    return this.#here;
  }

  async look(): Promise<void> {
    const ids = (await this.#parts.images.list()).map(({ id }) => id).sort();
    if (ids.join() === this.#here.join()) return;
    this.#here = ids;
    for (const listener of this.#listeners) listener();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { subscribe, limits, clock } = this.#parts;
    const unsubscribe = subscribe(() => this.#wake());
    const stopped = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    try {
      while (!signal.aborted) {
        const changed = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        // What was said to change is changed now, and what comes and goes at once is not copied.
        await clock.sleep(limits.copyDelayMs, signal).catch(() => {});
        if (signal.aborted) return;
        await this.look();
        const again = (await this.#copy(signal)) ? [] : [clock.sleep(limits.copyRetryMs, signal)];
        await Promise.race([changed, stopped, ...again]).catch(() => {});
      }
    } finally {
      unsubscribe();
    }
  }

  /** False when something could not be copied that should be. */
  async #copy(signal: AbortSignal): Promise<boolean> {
    const { name, fetcher, wanted, hosts, limits, images, logger } = this.#parts;
    let whole = true;
    for (const id of copiesFor(name, wanted(), hosts(), limits.copiesMin)) {
      if (signal.aborted || this.#here.includes(id)) continue;
      try {
        await fetcher.ensure(id);
        // Removed by its tenant while it was on its way.
        if (!wanted().includes(id)) await images.delete(id as `sha256:${string}`);
        await this.look();
      } catch (error) {
        if (codeOf(error) === 'not-found') continue;
        whole = false;
        logger.warn({ image: id, error: messageOf(error) }, 'an image could not be copied to this host');
      }
    }
    return whole;
  }
}
