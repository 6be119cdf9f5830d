import { Backoff, type Clock, codeOf, type Logger, messageOf } from '@kraud/base';
import { WorkQueue } from './work-queue.ts';

export const controllerDefaults = {
  concurrency: 4,
  retryFirstMs: 50,
  retryMaxMs: 30_000,
};

/** Look again after this long even if nothing changes; undefined = only when something does. */
export type Reconciled = { readonly againMs: number } | undefined;

export interface ControllerOptions {
  readonly name: string;
  /**
   * Makes what the key names as it should be. It looks at the present state and not at what happened: it may be
   * called at any time, any number of times, and be cut off anywhere.
   */
  readonly reconcile: (key: string) => Promise<Reconciled>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<typeof controllerDefaults>;
}

/** A level-triggered loop: keys come in, `reconcile` is called for each, and what fails is tried again, ever later. */
export class Controller {
  readonly name: string;
  readonly #reconcile: (key: string) => Promise<Reconciled>;
  readonly #queue: WorkQueue;
  readonly #logger: Logger;
  readonly #limits: typeof controllerDefaults;
  readonly #backoffs = new Map<string, Backoff>();

  constructor(options: ControllerOptions) {
    this.name = options.name;
    this.#reconcile = options.reconcile;
    this.#queue = new WorkQueue(options.clock);
    this.#logger = options.logger.child({ controller: options.name });
    this.#limits = { ...controllerDefaults, ...options.limits };
  }

  enqueue(key: string): void {
    this.#queue.add(key);
  }

  /** Works until the signal aborts; work that has begun is finished. Run it once. */
  async run(signal: AbortSignal): Promise<void> {
    const close = (): void => this.#queue.close();
    if (signal.aborted) close();
    signal.addEventListener('abort', close, { once: true });
    await Promise.all(Array.from({ length: this.#limits.concurrency }, () => this.#work()));
  }

  async #work(): Promise<void> {
    for (let key = await this.#queue.take(); key !== undefined; key = await this.#queue.take()) {
      try {
        const result = await this.#reconcile(key);
        this.#backoffs.delete(key);
        if (result) this.#queue.addAfter(key, result.againMs);
      } catch (error) {
        this.#retry(key, error);
      } finally {
        this.#queue.done(key);
      }
    }
  }

  #retry(key: string, error: unknown): void {
    const backoff =
      this.#backoffs.get(key) ??
      new Backoff({ firstMs: this.#limits.retryFirstMs, maxMs: this.#limits.retryMaxMs });
    this.#backoffs.set(key, backoff);
    const waitMs = backoff.next();
    this.#logger.warn({ key, code: codeOf(error), error: messageOf(error), waitMs }, 'tried again later');
    this.#queue.addAfter(key, waitMs);
  }
}
