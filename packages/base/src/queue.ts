import { KraudError } from './errors.ts';

/**
 * A queue with a limit and one consumer. `push` never blocks: a full queue fails with `exhausted`, so that
 * a slow reader is dropped by name instead of filling memory. Iteration ends after `close`, once drained.
 */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly #itemsMax: number;
  readonly #items: T[] = [];
  #wake: (() => void) | undefined;
  #closed = false;
  #error: unknown;

  constructor(itemsMax: number) {
    this.#itemsMax = itemsMax;
  }

  get length(): number {
    return this.#items.length;
  }

  push(item: T): void {
    if (this.#closed) return;
    if (this.#items.length >= this.#itemsMax) {
      const error = new KraudError(
        'exhausted',
        `the reader is too slow: more than ${this.#itemsMax} items wait`,
      );
      this.fail(error);
      throw error;
    }
    this.#items.push(item);
    this.#wake?.();
  }

  /** What is queued is still delivered. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** What is queued is dropped; the consumer gets the error. */
  fail(error: unknown): void {
    if (this.#closed) return;
    this.#error = error;
    this.#items.length = 0;
    this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    try {
      for (;;) {
        while (this.#items.length > 0) yield this.#items.shift() as T;
        if (this.#error !== undefined) throw this.#error;
        if (this.#closed) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    } finally {
      this.#closed = true;
      this.#items.length = 0;
    }
  }
}
