import { randomBytes } from 'node:crypto';

/** Chance, handed in so that one seed replays a whole run. */
export interface Random {
  bytes(length: number): Buffer;
  /** A whole number from 0 to `below - 1`. */
  below(below: number): number;
}

export const systemRandom: Random = {
  bytes: (length) => randomBytes(length),
  below: (below) => Math.floor(Math.random() * below),
};

/** Deterministic numbers from a seed (mulberry32, public domain by Tommy Ettinger). Never for secrets. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.#next() & 0xff));
  }

  below(below: number): number {
    return Math.floor((this.#next() / 2 ** 32) * below);
  }
}
