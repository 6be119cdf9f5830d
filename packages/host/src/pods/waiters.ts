/** Those who wait for the next one of something. */
export class Waiters<T> {
  readonly #waiting = new Set<{ resolve: (value: T) => void; reject: (error: unknown) => void }>();

  wait(signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        this.#waiting.delete(waiter);
        reject(signal.reason);
      };
      const leave = (): void => signal.removeEventListener('abort', onAbort);
      const waiter = {
        resolve: (value: T): void => {
          leave();
          resolve(value);
        },
        reject: (error: unknown): void => {
          leave();
          reject(error);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(waiter);
    });
  }

  settle(value: T): void {
    for (const waiter of this.#waiting) waiter.resolve(value);
    this.#waiting.clear();
  }

  fail(error: unknown): void {
    for (const waiter of this.#waiting) waiter.reject(error);
    this.#waiting.clear();
  }
}
