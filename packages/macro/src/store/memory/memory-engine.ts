import type { Change, Engine, KeyRange, Table, Tables } from '../embedded/engine.ts';
import { OrderedMap } from './ordered-map.ts';

/** Tables in memory, for tests and simulations: everything is gone when the process is. */
export class MemoryEngine implements Engine {
  readonly #tables: { [T in Table]: OrderedMap<Tables[T]> } = {
    index: new OrderedMap(),
    log: new OrderedMap(),
    leases: new OrderedMap(),
    leased: new OrderedMap(),
    meta: new OrderedMap(),
  };

  get<T extends Table>(table: T, key: string): Tables[T] | undefined {
    const rows: OrderedMap<Tables[T]> = this.#tables[table];
    return rows.get(key);
  }

  range<T extends Table>(table: T, range: KeyRange): Iterable<readonly [string, Tables[T]]> {
    const rows: OrderedMap<Tables[T]> = this.#tables[table];
    return rows.range(range);
  }

  async commit(changes: readonly Change[]): Promise<void> {
    for (const change of changes) this.#apply(change.table, change.key, change.value);
  }

  async close(): Promise<void> {}

  #apply<T extends Table>(table: T, key: string, value: Tables[T] | undefined): void {
    const rows: OrderedMap<Tables[T]> = this.#tables[table];
    if (value === undefined) rows.delete(key);
    else rows.set(key, value);
  }
}
