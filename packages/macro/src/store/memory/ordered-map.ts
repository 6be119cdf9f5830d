import type { KeyRange } from '../embedded/engine.ts';

/**
 * A map in key order. Appending is cheap; an insert in the middle or a delete moves what is behind it. A range
 * must be read to its end before the map changes.
 */
export class OrderedMap<V> {
  readonly #values = new Map<string, V>();
  readonly #keys: string[] = [];

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: V): void {
    if (!this.#values.has(key)) this.#keys.splice(this.#lowerBound(key), 0, key);
    this.#values.set(key, value);
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.#keys.splice(this.#lowerBound(key), 1);
  }

  *range(range: KeyRange): Iterable<readonly [string, V]> {
    let at = this.#lowerBound(range.after ?? range.from ?? '');
    if (range.after !== undefined && this.#keys[at] === range.after) at += 1;
    for (let key = this.#keys[at]; key !== undefined; key = this.#keys[at]) {
      if (range.before !== undefined && key >= range.before) return;
      const value = this.#values.get(key);
      if (value !== undefined) yield [key, value];
      at += 1;
    }
  }

  /** The place of the first key that is not before `key`. */
  #lowerBound(key: string): number {
    const last = this.#keys.at(-1);
    if (last === undefined || last < key) return this.#keys.length;
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
