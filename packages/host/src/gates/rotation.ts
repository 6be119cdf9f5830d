import type { Backend } from './plan.ts';

/** Takes turns: each call to `next` begins one further than the one before. The list may change at any time. */
export class Rotation {
  #backends: readonly Backend[];
  #turn = 0;

  constructor(backends: readonly Backend[]) {
    this.#backends = backends;
  }

  set(backends: readonly Backend[]): void {
    this.#backends = backends;
  }

  has(uid: string): boolean {
    return this.#backends.some((backend) => backend.uid === uid);
  }

  /** All of them, in the order in which they are to be tried. */
  next(): Backend[] {
    const from = this.#backends.length === 0 ? 0 : this.#turn % this.#backends.length;
    this.#turn = from + 1;
    return [...this.#backends.slice(from), ...this.#backends.slice(0, from)];
  }
}
