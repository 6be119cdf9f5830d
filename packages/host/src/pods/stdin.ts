import { PassThrough, Writable } from 'node:stream';
import type { Guest } from '../guest/guest.ts';

/**
 * The stdin of one container in one run. The guest takes one stream; everyone who is attached writes into it, in the
 * order in which they come, no faster than the program reads. Ending one of them closes stdin for good, unless it
 * is a terminal; destroying one only detaches it.
 */
export class ContainerStdin {
  readonly #guest: Guest;
  readonly #container: string;
  readonly #tty: boolean;
  readonly #signal: AbortSignal;
  #pipe: PassThrough | undefined;

  constructor(options: { guest: Guest; container: string; tty: boolean; signal: AbortSignal }) {
    this.#guest = options.guest;
    this.#container = options.container;
    this.#tty = options.tty;
    this.#signal = options.signal;
  }

  /** Resolves once there is room for more; what comes after the end is dropped, as on a closed pipe. */
  async write(chunk: Buffer): Promise<void> {
    const pipe = this.#open();
    if (!pipe.writable || pipe.write(chunk)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        pipe.off('drain', done);
        pipe.off('close', done);
        resolve();
      };
      pipe.once('drain', done);
      pipe.once('close', done);
    });
  }

  end(): void {
    if (!this.#tty) this.#open().end();
  }

  #open(): PassThrough {
    if (this.#pipe) return this.#pipe;
    const pipe = new PassThrough();
    this.#pipe = pipe;
    pipe.on('error', () => {});
    this.#guest
      .writeStdin(this.#container, pipe, { keepOpen: this.#tty, signal: this.#signal })
      .catch(() => {})
      .finally(() => pipe.destroy());
    return pipe;
  }
}

/** One client's end. What it writes before the run begins waits for it. */
export function stdinWritable(stdin: Promise<ContainerStdin>, detach: () => void): Writable {
  stdin.catch(() => {});
  return new Writable({
    write(chunk: Buffer, _encoding, callback) {
      stdin.then((target) => target.write(chunk)).then(() => callback(), callback);
    },
    final(callback) {
      stdin.then((target) => target.end()).then(() => callback(), callback);
    },
    destroy(error, callback) {
      detach();
      callback(error);
    },
  });
}
