import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Backoff, type Clock, type Logger, messageOf } from '@kraud/base';
import type { Guest } from '../guest/guest.ts';

export interface RelayOptions {
  readonly guest: Guest;
  /** The guest's name for the listening socket. */
  readonly id: string;
  /** Path of the unix socket on the host. */
  readonly source: string;
  readonly pendingMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * A unix socket of the host, inside a container: each connection that the guest accepts is carried to a new one
 * here. Either side may close one direction and go on with the other.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #loops: Promise<void>[] = [];

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  run(): void {
    for (let n = 0; n < this.#options.pendingMax; n += 1) this.#loops.push(this.#accept());
  }

  /** Resolves once it accepts no more. */
  get closed(): Promise<void> {
    return Promise.all(this.#loops).then(() => {});
  }

  async #accept(): Promise<void> {
    const { guest, id, clock, logger, signal } = this.#options;
    const backoff = new Backoff({ firstMs: 50, maxMs: 5000 });
    while (!signal.aborted) {
      try {
        const accepted = await guest.accept(id, signal);
        backoff.reset();
        void this.#carry(accepted);
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ socket: id, error: messageOf(error) }, 'no connection could be accepted');
        await clock.sleep(backoff.next(), signal).catch(() => {});
      }
    }
  }

  async #carry(inside: Duplex): Promise<void> {
    const { source, logger, signal } = this.#options;
    const socket: Duplex = connect({ path: source, allowHalfOpen: true });
    try {
      await Promise.all([pipeline(inside, socket, { signal }), pipeline(socket, inside, { signal })]);
    } catch (error) {
      if (!signal.aborted) logger.debug({ source, error: messageOf(error) }, 'a relayed connection broke');
    } finally {
      socket.destroy();
      inside.destroy();
    }
  }
}
