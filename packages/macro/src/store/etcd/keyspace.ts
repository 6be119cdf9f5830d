import { prefixRange } from '../embedded/engine.ts';

/**
 * Where the store's keys stand among the cluster's: each behind the prefix and a slash, so that nobody else's key
 * can be taken for one of them: `/pods/a` is `/kraud//pods/a`.
 */
export class Keyspace {
  readonly #start: string;

  constructor(prefix: string) {
    this.#start = `${prefix}/`;
  }

  outer(key: string): string {
    return this.#start + key;
  }

  inner(outer: string): string {
    return outer.slice(this.#start.length);
  }

  has(outer: string): boolean {
    return outer.startsWith(this.#start);
  }

  /** All keys that start with `prefix`, or those of them after one key. */
  range(prefix: string, after?: string): { key: string; rangeEnd: string } {
    const start = this.outer(prefix);
    const { before = '' } = prefixRange(start);
    const key = after !== undefined && after >= prefix ? `${this.outer(after)}\0` : start;
    return { key, rangeEnd: before };
  }
}

/** Every key of the cluster. */
export const everything = { key: '\0', rangeEnd: '\0' };
