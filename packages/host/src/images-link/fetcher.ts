import { Readable } from 'node:stream';
import { codeOf, KeyedLock, KraudError, type Logger, messageOf } from '@kraud/base';
import type { Digest, ImageId, Images } from '@kraud/images';
import type { HostApi } from '../contract.ts';
import type { ImageLinkLimits } from './limits.ts';

export interface FetcherParts {
  readonly images: Pick<Images, 'find' | 'receive'>;
  /** All other hosts that may be reached, those first that probably have the image. */
  readonly others: (id: string) => Pick<HostApi, 'name' | 'images'>[];
  readonly limits: ImageLinkLimits;
  readonly logger: Logger;
}

/** Gets images that this host lacks from hosts that have them; each once, however many ask. */
export class ImageFetcher {
  readonly #parts: FetcherParts;
  readonly #lock = new KeyedLock();
  readonly #listeners = new Set<() => void>();

  constructor(parts: FetcherParts) {
    this.#parts = parts;
  }

  /** Calls whenever an image has come. */
  onFetched(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Resolves once the image is here. `not-found` when no host that answers has it. */
  async ensure(id: string): Promise<void> {
    const { images, others, logger } = this.#parts;
    await this.#lock.run(id, async () => {
      if (await images.find(id as ImageId)) return;
      let fault: unknown = new KraudError('not-found', `No such image: ${id}`);
      for (const host of others(id)) {
        try {
          await this.#fetch(id as ImageId, host);
          logger.info({ image: id, from: host.name }, 'image fetched from another host');
          for (const listener of this.#listeners) listener();
          return;
        } catch (error) {
          if (codeOf(error) === 'exhausted') throw error;
          if (codeOf(error) !== 'not-found') {
            logger.warn({ image: id, from: host.name, error: messageOf(error) }, 'image not fetched');
            fault = error;
          }
        }
      }
      throw fault;
    });
  }

  async #fetch(id: ImageId, host: Pick<HostApi, 'name' | 'images'>): Promise<void> {
    const { images, others, limits } = this.#parts;
    // A blob that breaks off goes on at the next host.
    const hosts = [host, ...others(id).filter(({ name }) => name !== host.name)];
    await images.receive(id, {
      manifest: async () => {
        const { bytes, mediaType, parent } = await host.images.manifest(id);
        return { bytes, mediaType, ...(parent === undefined ? {} : { parent: parent as ImageId }) };
      },
      blob: (digest, sizeBytes) => resuming(hosts, digest, sizeBytes, limits.resumesMax),
    });
  }
}

async function* resuming(
  hosts: readonly Pick<HostApi, 'images'>[],
  digest: Digest,
  sizeBytes: number,
  resumesMax: number,
): AsyncGenerator<Uint8Array, void, void> {
  let offset = 0;
  for (let turn = 0; ; turn += 1) {
    const stop = new AbortController();
    try {
      const part = await hosts[turn % hosts.length]?.images.blob(digest, offset, stop.signal);
      for await (const chunk of part ?? Readable.from([])) {
        offset += chunk.length;
        yield chunk;
      }
      if (offset >= sizeBytes) return;
      throw new KraudError('corrupt', `the other host's blob ${digest} ends after ${offset} bytes`);
    } catch (error) {
      const mayResume = ['unavailable', 'timeout', 'not-found'].includes(codeOf(error));
      if (!mayResume || turn >= resumesMax) throw error;
    } finally {
      stop.abort();
    }
  }
}
