import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { GuestClient } from '../client.ts';

/** What a host does with a share: the bytes of one link and one serve, from the first to the last. */
export class ShareLink implements AsyncDisposable {
  readonly #link: Duplex;
  readonly #serve: Duplex;
  readonly #ended: Promise<unknown>;

  private constructor(link: Duplex, serve: Duplex) {
    this.#link = link;
    this.#serve = serve;
    this.#ended = Promise.allSettled([pipeline(link, serve), pipeline(serve, link)]);
  }

  static async start(sharer: GuestClient, keeper: GuestClient, at: string): Promise<ShareLink> {
    return new ShareLink(await sharer.linkShare(at), await keeper.serveShare(at));
  }

  /** Resolves when both have ended, for whatever reason. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#link.destroy();
    this.#serve.destroy();
    await this.#ended;
  }
}
