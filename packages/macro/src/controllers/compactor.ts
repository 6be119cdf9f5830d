import type { Store } from '../store/contract.ts';

/**
 * Forgets history that is older than the last call but one: called every few minutes, readers and watchers have at
 * least so long to catch up. `needed` is the revision after which somebody still wants everything.
 */
export class Compactor {
  readonly #store: Store;
  readonly #needed: () => number;
  #mark = 0;

  constructor(store: Store, needed: () => number) {
    this.#store = store;
    this.#needed = needed;
  }

  async compact(): Promise<void> {
    const through = Math.min(this.#mark, this.#needed());
    this.#mark = await this.#store.revision();
    if (through > 0) await this.#store.compact(through);
  }
}
