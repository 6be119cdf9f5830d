import { Backoff } from '@kraud/base';

export interface RetryOptions {
  readonly retryMs: number;
  readonly retryMsMax: number;
}

/** Has work done again that failed, later and later, until it worked or this is closed. The work says which. */
export class Retries {
  readonly #work: () => void;
  readonly #backoff: Backoff;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(work: () => void, { retryMs, retryMsMax }: RetryOptions) {
    this.#work = work;
    this.#backoff = new Backoff({ firstMs: retryMs, maxMs: retryMsMax });
  }

  failed(): void {
    if (this.#closed || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#work();
    }, this.#backoff.next());
    this.#timer.unref();
  }

  worked(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#backoff.reset();
  }

  close(): void {
    this.#closed = true;
    this.worked();
  }
}
