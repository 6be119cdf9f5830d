import { type Clock, type Logger, messageOf } from '@kraud/base';
import type { Entry, Store } from '../store/contract.ts';

/** Sees to it that a piece of work is done by one process at a time. */
export interface Leader {
  /**
   * Calls `lead` whenever this process is the leader, with a signal that aborts before another can be; until
   * `signal` aborts.
   */
  run(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void>;
}

export const leaderDefaults = {
  ttlMs: 10_000,
  retryMs: 1000,
};

/**
 * One leader by lease. The key `/leader/<name>` holds the leader's identity and goes with its lease. The leader stops
 * on its own once it can't be sure that the lease still lives. A process that starts anew under the same identity
 * takes over at once: whoever hands in the identity vouches that the one before is dead.
 */
export class LeaseLeader implements Leader {
  readonly #name: string;
  readonly #identity: string;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limits: typeof leaderDefaults;

  constructor(
    name: string,
    identity: string,
    parts: { store: Store; clock: Clock; logger: Logger; limits?: Partial<typeof leaderDefaults> },
  ) {
    this.#name = name;
    this.#identity = identity;
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#logger = parts.logger.child({ leader: name });
    this.#limits = { ...leaderDefaults, ...parts.limits };
  }

  get #key(): string {
    return `/leader/${this.#name}`;
  }

  async run(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#term(signal, lead);
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.warn({ error: messageOf(error) }, 'leading failed');
        await this.#clock.sleep(this.#limits.retryMs, signal).catch(() => {});
      }
    }
  }

  async #term(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const askedMs = this.#clock.monotonic();
    const lease = await this.#store.lease(this.#limits.ttlMs);
    const over = new AbortController();
    const term = over.signal;
    // Not a signal made of two: those are dear to ask, and a term's is asked at every change of the store.
    const end = (): void => over.abort();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      const holder = await this.#claim(lease.id);
      if (holder) return await this.#untilGone(holder, signal);
      this.#logger.info({ identity: this.#identity }, 'leads');
      const keeping = this.#keep(lease, askedMs, term).finally(() => over.abort());
      await Promise.all([keeping, lead(term).finally(() => over.abort())]);
    } finally {
      signal.removeEventListener('abort', end);
      over.abort();
      await lease.revoke().catch(() => {});
    }
  }

  /** Undefined once it is ours, else who holds it. */
  async #claim(lease: string): Promise<Entry | undefined> {
    const { entry } = await this.#store.get(this.#key);
    if (entry && entry.value !== this.#identity) return entry;
    const result = await this.#store.txn({
      compare: [{ key: this.#key, target: 'modRevision', op: '=', to: entry?.modRevision ?? 0 }],
      success: [{ op: 'put', key: this.#key, value: this.#identity, lease }],
      failure: [{ op: 'get', key: this.#key }],
    });
    const [response] = result.responses;
    return !result.succeeded && response?.op === 'get' ? response.entry : undefined;
  }

  /** Returns when leadership is over: refused, lost, or not known to be kept. */
  async #keep(lease: { keepAlive(): Promise<void> }, askedMs: number, term: AbortSignal): Promise<void> {
    // A third is kept as margin, so that we stop before another can start.
    const sureMs = (this.#limits.ttlMs * 2) / 3;
    for (let keptMs = askedMs; !term.aborted; ) {
      const beganMs = this.#clock.monotonic();
      const ended = new AbortController();
      const outcome = await Promise.race([
        lease.keepAlive().then(
          () => 'kept' as const,
          (error: unknown) => {
            this.#logger.warn({ error: messageOf(error) }, 'the lease was not kept');
            return 'lost' as const;
          },
        ),
        this.#clock.sleep(Math.max(0, keptMs + sureMs - beganMs), AbortSignal.any([term, ended.signal])).then(
          () => 'late' as const,
          () => 'late' as const,
        ),
      ]);
      ended.abort();
      if (outcome !== 'kept') return;
      keptMs = beganMs;
      await this.#clock.sleep(this.#limits.ttlMs / 3, term).catch(() => {});
    }
  }

  async #untilGone(holder: Entry, signal: AbortSignal): Promise<void> {
    const options = { fromRevision: holder.modRevision + 1, signal };
    for await (const batch of this.#store.watch(this.#key, options)) {
      if (batch.events.some((event) => event.key === this.#key && event.type === 'delete')) return;
    }
  }
}
