import { Backoff, type Clock, codeOf, KraudError, type Logger, messageOf } from '@kraud/base';
import { CompactedError, type Store } from '@kraud/macro';

const prefix = '/cluster/member/';
const retries = { firstMs: 500, maxMs: 10_000 };

/**
 * The hosts that belong to the cloud, each with the digest of its key. Removing a host here makes its certificate
 * worthless, and leaves its name to another.
 */
export class Members {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #known = new Map<string, string>();
  /** Whether what is known is the store's, but for what is on its way. */
  #isFollowing = false;
  readonly #listeners = new Set<(name: string) => void>();

  constructor(parts: { store: Store; clock: Clock; logger: Logger }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
  }

  /** Taking in the same host again is fine; `exists` when another has the name. */
  async add(name: string, key: string): Promise<void> {
    const at = `${prefix}${name}`;
    const { succeeded, responses } = await this.#store.txn({
      compare: [{ key: at, target: 'exists', is: false }],
      success: [{ op: 'put', key: at, value: key }],
      failure: [{ op: 'get', key: at }],
    });
    const [present] = responses;
    if (succeeded || (present?.op === 'get' && present.entry?.value === key)) {
      this.#saw(name, key);
      return;
    }
    throw new KraudError(
      'exists',
      `a host named ${name} belongs to this cloud already; choose another --name, or remove that one: ` +
        `kra host rm --force ${name}`,
    );
  }

  async remove(name: string): Promise<void> {
    await this.#store.txn({ success: [{ op: 'delete', key: `${prefix}${name}` }] });
  }

  /** Whether the cloud has this very host, as of now. */
  async has(name: string, key: string): Promise<boolean> {
    if (this.#isFollowing && this.#known.get(name) === key) return true;
    const { entry } = await this.#store.get(`${prefix}${name}`);
    if (entry?.value !== key) return false;
    this.#saw(name, key);
    return true;
  }

  /** Calls when a host has been removed, or its name was given to another. */
  onRemoved(listener: (name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Follows the store until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(retries);
    while (!signal.aborted) {
      try {
        await this.#follow(signal, () => backoff.reset());
      } catch (error) {
        // Nothing is known for sure until the store answers again; `has` asks it.
        this.#isFollowing = false;
        if (signal.aborted) return;
        if (error instanceof CompactedError) continue;
        this.#logger.warn(
          { error: messageOf(error), code: codeOf(error) },
          'the list of hosts is not followed',
        );
        await this.#clock.sleep(backoff.next(), signal).catch(() => {});
      }
    }
  }

  async #follow(signal: AbortSignal, listed: () => void): Promise<void> {
    const { entries, revision } = await this.#store.list(prefix);
    const before = new Map(this.#known);
    listed();
    this.#known.clear();
    for (const { key, value } of entries) this.#known.set(key.slice(prefix.length), value);
    this.#isFollowing = true;
    for (const [name, key] of before) if (this.#known.get(name) !== key) this.#tell(name);
    for await (const batch of this.#store.watch(prefix, { fromRevision: revision + 1, signal })) {
      for (const event of batch.events) {
        const name = event.key.slice(prefix.length);
        const present = this.#known.get(name);
        if (event.type === 'put') this.#known.set(name, event.entry.value);
        else this.#known.delete(name);
        if (present !== undefined && present !== this.#known.get(name)) this.#tell(name);
      }
    }
  }

  /** Who was there before the store is followed is told of as well when it goes. */
  #saw(name: string, key: string): void {
    if (!this.#isFollowing) this.#known.set(name, key);
  }

  #tell(name: string): void {
    for (const listener of this.#listeners) listener(name);
  }
}
