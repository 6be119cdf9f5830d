/** Those who wait for the next thing to happen. */
export class Waiting {
  readonly #waiting = new Set<() => void>();

  /** Resolves with the next `wake`, or when the signal aborts. */
  next(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener('abort', wake);
    });
  }

  wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
