import { codeOf } from '@kraud/base';
import type { Op, Store } from '../store/contract.ts';

/** What shares a transaction. */
const groupOpsMax = 100;
const groupCharsMax = 256 * 1024;

interface Outcome<T> {
  readonly done: (result: T) => void;
  readonly failed: (error: unknown) => void;
}

/** An operation that may share a transaction with others. */
type Put = Outcome<void> & { readonly put: Op };
type Waiting = Put | { readonly work: () => Promise<void> };

/**
 * Writes in the order in which they were asked for: each begins when the one before has ended. Puts that wait together
 * are written together, and each has its own outcome.
 */
export class WriteQueue {
  readonly #store: Store;
  #waiting: Waiting[] = [];
  #working: Promise<void> | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  put(put: Op): Promise<void> {
    return new Promise((done, failed) => this.#add({ put, done, failed }));
  }

  /** Does something when its turn has come: the next one waits for its end. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((done, failed) =>
      this.#add({
        work: async () => {
          try {
            done(await work());
          } catch (error) {
            failed(error);
          }
        },
      }),
    );
  }

  /** Resolves once all that was asked for before has its outcome. */
  async idle(): Promise<void> {
    await this.run(async () => {});
  }

  #add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#working ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // Whatever is asked for in the same turn is there first.
    await Promise.resolve();
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      if ('put' in next) {
        await this.#putAll(this.#takePuts());
      } else {
        this.#waiting.shift();
        await next.work();
      }
    }
    this.#working = undefined;
  }

  #takePuts(): Put[] {
    const puts: Put[] = [];
    let chars = 0;
    for (let next = this.#waiting[0]; next && 'put' in next; next = this.#waiting[0]) {
      chars += next.put.op === 'put' ? next.put.value.length : 0;
      if (puts.length > 0 && (puts.length >= groupOpsMax || chars > groupCharsMax)) break;
      puts.push(next);
      this.#waiting.shift();
    }
    return puts;
  }

  async #putAll(puts: readonly Put[]): Promise<void> {
    try {
      await this.#store.txn({ success: puts.map(({ put }) => put) });
      for (const { done } of puts) done();
    } catch (error) {
      // One that no store would take is no reason to lose the others.
      if (codeOf(error) === 'invalid' && puts.length > 1) for (const each of puts) await this.#putAll([each]);
      else for (const { failed } of puts) failed(error);
    }
  }
}
