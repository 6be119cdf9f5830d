/**
 * Several streams as one, in the order in which their items come. One item of each is asked for ahead, so a slow reader
 * holds all of them back. It ends when it is sealed and every stream has; a stream that fails fails it.
 */
export class Merge<T> implements AsyncIterable<T> {
  readonly #streams = new Set<AsyncIterator<T>>();
  readonly #ready: { stream: AsyncIterator<T>; result: IteratorResult<T> }[] = [];
  #failure: { error: unknown } | undefined;
  #sealed = false;
  #wake: () => void = () => {};

  add(source: AsyncIterable<T>): void {
    this.#ask(source[Symbol.asyncIterator]());
  }

  /** Nothing more is added. */
  seal(): void {
    this.#sealed = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    try {
      for (;;) {
        if (this.#failure) throw this.#failure.error;
        const next = this.#ready.shift();
        if (!next) {
          if (this.#sealed && this.#streams.size === 0) return;
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        } else if (next.result.done) {
          this.#streams.delete(next.stream);
        } else {
          yield next.result.value;
          this.#ask(next.stream);
        }
      }
    } finally {
      for (const stream of this.#streams) void stream.return?.();
    }
  }

  #ask(stream: AsyncIterator<T>): void {
    this.#streams.add(stream);
    stream.next().then(
      (result) => {
        this.#ready.push({ stream, result });
        this.#wake();
      },
      (error: unknown) => {
        this.#failure ??= { error };
        this.#wake();
      },
    );
  }
}
