/**
 * Lets so many go on in each turn of the event loop, first come, first served: a thousand that have much to do don't keep out what
 * is asked meanwhile.
 */
export class Pace {
  readonly #each: number;
  readonly #waiting: (() => void)[] = [];

  constructor(each: number) {
    this.#each = each;
  }

  /** Resolves when it's one's turn. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waiting.push(resolve) === 1) setImmediate(() => this.#turn());
    });
  }

  #turn(): void {
    for (const go of this.#waiting.splice(0, this.#each)) go();
    if (this.#waiting.length > 0) setImmediate(() => this.#turn());
  }
}
