import { must } from '@kraud/base';
import type { Meta } from '../model/meta.ts';

type Indexes<R> = Readonly<Record<string, (resource: R) => readonly string[]>>;

/** Resources by key, by uid, and by the values that each index draws from them. */
export class IndexedSet<R extends { meta: Meta }> {
  readonly #byKey = new Map<string, R>();
  readonly #keyByUid = new Map<string, string>();
  readonly #indexes = new Map<string, Map<string, Set<string>>>();
  readonly #draw: Indexes<R>;

  constructor(indexes: Indexes<R>) {
    this.#draw = indexes;
    for (const name of Object.keys(indexes)) this.#indexes.set(name, new Map());
  }

  get(key: string): R | undefined {
    return this.#byKey.get(key);
  }

  byUid(uid: string): R | undefined {
    const key = this.#keyByUid.get(uid);
    return key === undefined ? undefined : this.#byKey.get(key);
  }

  by(index: string, value: string): R[] {
    const keys = must(this.#indexes.get(index), `no index ${index}`).get(value) ?? new Set();
    return [...keys].flatMap((key) => this.#byKey.get(key) ?? []);
  }

  all(): R[] {
    return [...this.#byKey.values()];
  }

  keys(): string[] {
    return [...this.#byKey.keys()];
  }

  set(key: string, resource: R): void {
    this.delete(key);
    this.#byKey.set(key, resource);
    this.#keyByUid.set(resource.meta.uid, key);
    for (const [name, draw] of Object.entries(this.#draw)) {
      const index = must(this.#indexes.get(name), `no index ${name}`);
      for (const value of draw(resource)) {
        const keys = index.get(value) ?? new Set();
        keys.add(key);
        index.set(value, keys);
      }
    }
  }

  delete(key: string): void {
    const resource = this.#byKey.get(key);
    if (!resource) return;
    this.#byKey.delete(key);
    if (this.#keyByUid.get(resource.meta.uid) === key) this.#keyByUid.delete(resource.meta.uid);
    for (const [name, draw] of Object.entries(this.#draw)) {
      const index = must(this.#indexes.get(name), `no index ${name}`);
      for (const value of draw(resource)) {
        const keys = index.get(value);
        keys?.delete(key);
        if (keys?.size === 0) index.delete(value);
      }
    }
  }
}
