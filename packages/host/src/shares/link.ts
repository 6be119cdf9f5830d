import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Backoff, type Clock, type Logger, messageOf } from '@kraud/base';
import type { Seat } from './seat.ts';

/** A link that doesn't last is made again ever more slowly. */
const retryMs = { firstMs: 10, maxMs: 1000 };
const lastsMs = 1000;

export interface LinkOptions {
  readonly keeper: Seat;
  readonly sharer: Seat;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Its requests are on their way. */
  readonly onUp: () => void;
}

/**
 * Carries what a sharer's guest asks of a volume to the keeper's guest, and the answers back, no faster than either
 * reads. What is in the bytes is between those two. A link that breaks is made again until it is closed: what was not
 * answered the guest asks once more.
 */
export class Link {
  readonly keeper: Seat;
  readonly #options: LinkOptions;
  readonly #closing = new AbortController();

  constructor(options: LinkOptions) {
    this.keeper = options.keeper;
    this.#options = options;
    void this.#run();
  }

  close(): void {
    this.#closing.abort();
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#closing;
    const backoff = new Backoff(retryMs);
    while (!signal.aborted) {
      const fromMs = clock.monotonic();
      const error = await this.#carry();
      if (clock.monotonic() - fromMs >= lastsMs) backoff.reset();
      if (signal.aborted) return;
      logger.debug({ error: messageOf(error) }, 'a link to a volume broke: it is made again');
      await clock.sleep(backoff.next(), signal).catch(() => {});
    }
  }

  /** Answers why it ended. */
  async #carry(): Promise<unknown> {
    const { keeper, sharer, onUp } = this.#options;
    const { signal } = this.#closing;
    const ends: Duplex[] = [];
    try {
      // First the one that asks for nothing: requests are not to come out before somebody reads them.
      const answers = await keeper.vm.guest.serveShare(keeper.at, signal);
      ends.push(answers);
      const requests = await sharer.vm.guest.linkShare(sharer.at, signal);
      ends.push(requests);
      signal.throwIfAborted();
      onUp();
      const ways = [pipeline(requests, answers, { signal }), pipeline(answers, requests, { signal })];
      for (const way of ways) way.catch(() => {});
      // Neither direction is of use without the other.
      await Promise.race(ways);
      return new Error('one end closed it');
    } catch (error) {
      return error;
    } finally {
      for (const end of ends) end.on('error', () => {}).destroy();
    }
  }
}
