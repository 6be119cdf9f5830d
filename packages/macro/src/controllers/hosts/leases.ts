import { type Clock, type Logger, messageOf } from '@kraud/base';
import { hostLeasePrefix } from '../../model/index.ts';
import { CompactedError, type Store } from '../../store/contract.ts';

const retryMs = 1_000;

/** Which hosts hold their lease, as last seen. What is done because one doesn't is conditional on the lease itself. */
export class HostLeases {
  readonly #store: Pick<Store, 'list' | 'watch'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #held = new Set<string>();
  #listeners = new Set<(host: string) => void>();
  #ready = Promise.withResolvers<void>();

  constructor(parts: { store: Pick<Store, 'list' | 'watch'>; clock: Clock; logger: Logger }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
  }

  has(host: string): boolean {
    return this.#held.has(host);
  }

  /** Resolves once the first list is there. */
  ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Calls for each host whose lease may have come or gone; answers what ends that. */
  subscribe(listener: (host: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#follow(signal);
      } catch (error) {
        if (signal.aborted || error instanceof CompactedError) continue;
        this.#logger.warn({ error: messageOf(error) }, 'the leases of the hosts could not be watched');
        await this.#clock.sleep(retryMs, signal).catch(() => {});
      }
    }
    this.#ready.resolve();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { entries, revision } = await this.#store.list(hostLeasePrefix);
    const before = this.#held;
    this.#held = new Set(entries.map(({ key }) => key.slice(hostLeasePrefix.length)));
    this.#ready.resolve();
    for (const host of new Set([...before, ...this.#held])) this.#tell(host);
    for await (const batch of this.#store.watch(hostLeasePrefix, { fromRevision: revision + 1, signal })) {
      for (const { type, key } of batch.events) {
        const host = key.slice(hostLeasePrefix.length);
        if (type === 'put') this.#held.add(host);
        else this.#held.delete(host);
        this.#tell(host);
      }
    }
  }

  #tell(host: string): void {
    for (const listener of this.#listeners) listener(host);
  }
}
