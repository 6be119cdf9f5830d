import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { KraudError } from '@kraud/base';

/** Methods that only look. */
const looks = new Set(['GET', 'HEAD']);

interface Underway {
  readonly method: string;
  readonly path: string;
  readonly res: ServerResponse;
  readonly socket: Socket;
}

/**
 * Lets requests in, or holds them for a while: at first and between two clouds nobody is in, and one request may ask
 * to be the only one that changes anything. What is held waits; it is never refused.
 */
export class Turns {
  readonly #underway = new Set<Underway>();
  #opened = Promise.withResolvers<void>();
  #isOpen = false;
  #changed: () => void = () => {};

  open(): void {
    this.#isOpen = true;
    this.#opened.resolve();
  }

  close(): void {
    if (this.#isOpen) this.#opened = Promise.withResolvers();
    this.#isOpen = false;
  }

  /**
   * Calls `go` when the request may go on: at once where it can, for what follows some requests isn't HTTP any more.
   * It counts until its reply is closed, or its connection (`gone`).
   */
  enter(req: IncomingMessage, res: ServerResponse, go: () => void): void {
    if (!this.#isOpen) {
      void this.#opened.promise.then(() => this.enter(req, res, go));
      return;
    }
    const { method = '', url = '', socket } = req;
    if (socket.destroyed) return;
    const one = { method, path: url.replace(/\?.*/, ''), res, socket };
    this.#underway.add(one);
    // A connection that leaves HTTP takes its reply with it, which is never closed then.
    res.once('close', () => this.#leave(one));
    go();
  }

  /** The reply that a connection gets last, of those that are due. */
  lastOn(socket: Socket): ServerResponse | undefined {
    return [...this.#underway].findLast((one) => one.socket === socket)?.res;
  }

  gone(socket: Socket): void {
    for (const one of this.#underway) if (one.socket === socket) this.#leave(one);
  }

  /**
   * Runs `work` while no other request changes anything: `conflict` when one does already, and those that come wait. Once
   * it has succeeded nobody is let in any more, until `open`.
   */
  async alone(self: ServerResponse, work: () => Promise<void>): Promise<void> {
    const other = [...this.#underway].find(({ method, res }) => res !== self && !looks.has(method));
    if (other) {
      throw new KraudError(
        'conflict',
        `${other.method} ${other.path} is still under way; try again after it`,
      );
    }
    this.close();
    try {
      await work();
    } catch (error) {
      this.open();
      throw error;
    }
  }

  /** Resolves once all that was let in has ended. */
  async empty(): Promise<void> {
    while (this.#underway.size > 0) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  /** Cuts off what is still under way. */
  cut(): void {
    for (const { socket } of this.#underway) socket.destroy();
  }

  #leave(one: Underway): void {
    this.#underway.delete(one);
    this.#changed();
  }
}
