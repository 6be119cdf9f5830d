import type { Change, Engine, KeyRange, Reader, Table, Tables } from './engine.ts';

type Pending = { [T in Table]: Map<string, Tables[T] | undefined> };

/** An engine's state with changes on top that are not committed yet. */
export class View implements Reader {
  readonly #base: Reader;
  readonly #pending: Pending = {
    index: new Map(),
    log: new Map(),
    leases: new Map(),
    leased: new Map(),
    meta: new Map(),
  };

  constructor(base: Engine) {
    this.#base = base;
  }

  get<T extends Table>(table: T, key: string): Tables[T] | undefined {
    const pending: Map<string, Tables[T] | undefined> = this.#pending[table];
    return pending.has(key) ? pending.get(key) : this.#base.get(table, key);
  }

  *range<T extends Table>(table: T, range: KeyRange): Iterable<readonly [string, Tables[T]]> {
    const pending: Map<string, Tables[T] | undefined> = this.#pending[table];
    const mine = [...pending].filter(([key]) => contains(range, key)).sort(([a], [b]) => (a < b ? -1 : 1));
    let next = 0;
    for (const row of this.#base.range(table, range)) {
      for (; next < mine.length; next += 1) {
        const [key, value] = mine[next] ?? [row[0], undefined];
        if (key >= row[0]) break;
        if (value !== undefined) yield [key, value];
      }
      if (!pending.has(row[0])) yield row;
    }
    for (const [key, value] of mine.slice(next)) if (value !== undefined) yield [key, value];
  }

  put<T extends Table>(table: T, key: string, value: Tables[T]): void {
    const pending: Map<string, Tables[T] | undefined> = this.#pending[table];
    pending.set(key, value);
  }

  delete(table: Table, key: string): void {
    this.#pending[table].set(key, undefined);
  }

  changes(): Change[] {
    const all: Change[] = [];
    for (const [key, value] of this.#pending.index) all.push({ table: 'index', key, value });
    for (const [key, value] of this.#pending.log) all.push({ table: 'log', key, value });
    for (const [key, value] of this.#pending.leases) all.push({ table: 'leases', key, value });
    for (const [key, value] of this.#pending.leased) all.push({ table: 'leased', key, value });
    for (const [key, value] of this.#pending.meta) all.push({ table: 'meta', key, value });
    return all;
  }
}

function contains(range: KeyRange, key: string): boolean {
  if (range.after !== undefined ? key <= range.after : key < (range.from ?? '')) return false;
  return range.before === undefined || key < range.before;
}
