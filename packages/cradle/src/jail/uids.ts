import { KraudError } from '@kraud/base';

/** Unprivileged users for VMMs: never the same for two that live at one time. The next free one is preferred. */
export class Uids {
  readonly #first: number;
  readonly #count: number;
  readonly #taken = new Set<number>();
  #next = 0;

  constructor(options: { first: number; count: number }) {
    this.#first = options.first;
    this.#count = options.count;
  }

  take(): number {
    for (let tried = 0; tried < this.#count; tried += 1) {
      const uid = this.#first + this.#next;
      this.#next = (this.#next + 1) % this.#count;
      if (this.#taken.has(uid)) continue;
      this.#taken.add(uid);
      return uid;
    }
    throw new KraudError('exhausted', `all ${this.#count} users for VMMs are taken`);
  }

  /** For a VM that was there before us. */
  reserve(uid: number): void {
    this.#taken.add(uid);
  }

  release(uid: number): void {
    this.#taken.delete(uid);
  }
}
