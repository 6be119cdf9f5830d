import { type Clock, codeOf, KraudError, type Random } from '@kraud/base';
import type { Lease } from '../contract.ts';

/** What the leases need of the store. */
export interface LeaseWriter {
  grant(id: string, ttlMs: number): Promise<void>;
  /** Ends the lease and deletes its keys; nothing if it has ended. */
  revoke(id: string): Promise<void>;
}

/**
 * When leases end. Deadlines are in memory only: after a restart every lease has its full time again, so that a
 * restart of the store ends nobody's lease.
 */
export class Leases {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #writer: LeaseWriter;
  readonly #live = new Map<string, { readonly ttlMs: number; deadlineMs: number }>();
  #timer: AbortController | undefined;
  #wakeMs = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(parts: { clock: Clock; random: Random; writer: LeaseWriter }) {
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#writer = parts.writer;
  }

  /** Takes up a lease that the store already holds. */
  adopt(id: string, ttlMs: number): void {
    const deadlineMs = this.#clock.monotonic() + ttlMs;
    this.#live.set(id, { ttlMs, deadlineMs });
    this.#arm(deadlineMs);
  }

  async grant(ttlMs: number): Promise<Lease> {
    if (!(ttlMs > 0)) throw new KraudError('invalid', `invalid time to live: ${ttlMs} ms`);
    const id = this.#random.bytes(8).toString('hex');
    await this.#writer.grant(id, ttlMs);
    this.adopt(id, ttlMs);
    return { id, ttlMs, keepAlive: () => this.#keepAlive(id), revoke: () => this.#end(id) };
  }

  close(): void {
    this.#closed = true;
    this.#timer?.abort();
  }

  async #keepAlive(id: string): Promise<void> {
    const lease = this.#live.get(id);
    const nowMs = this.#clock.monotonic();
    if (this.#closed) throw new KraudError('unavailable', 'the store is closed');
    if (!lease || lease.deadlineMs <= nowMs) throw new KraudError('not-found', `the lease ${id} has ended`);
    lease.deadlineMs = nowMs + lease.ttlMs;
  }

  async #end(id: string): Promise<void> {
    this.#live.delete(id);
    await this.#writer.revoke(id);
  }

  #arm(deadlineMs: number): void {
    if (this.#closed || deadlineMs >= this.#wakeMs) return;
    this.#timer?.abort();
    const timer = new AbortController();
    this.#timer = timer;
    this.#wakeMs = deadlineMs;
    const waitMs = Math.max(0, deadlineMs - this.#clock.monotonic());
    this.#clock.sleep(waitMs, timer.signal).then(
      () => this.#expire(),
      () => {},
    );
  }

  #expire(): void {
    const nowMs = this.#clock.monotonic();
    this.#wakeMs = Number.POSITIVE_INFINITY;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [id, lease] of this.#live) {
      if (lease.deadlineMs > nowMs) nextMs = Math.min(nextMs, lease.deadlineMs);
      else this.#end(id).catch((error: unknown) => this.#retry(id, lease.ttlMs, error));
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#arm(nextMs);
  }

  /** A lease that could not be ended (a full disk) is ended later, not forgotten. */
  #retry(id: string, ttlMs: number, error: unknown): void {
    if (this.#closed || codeOf(error) === 'not-found') return;
    const deadlineMs = this.#clock.monotonic() + Math.min(ttlMs, 1000);
    this.#live.set(id, { ttlMs, deadlineMs });
    this.#arm(deadlineMs);
  }
}
