import type { ClientDuplexStream } from '@grpc/grpc-js';
import { Backoff, type Clock, KraudError } from '@kraud/base';
import { type Cluster, closedError } from './cluster.ts';
import { isMembersFault, toFault } from './faults.ts';
import type { EtcdLimits } from './limits.ts';
import { rpcs } from './rpcs.ts';
import type { LeaseResponse } from './wire/responses.ts';

interface Waiter {
  readonly resolve: (ttlSeconds: number) => void;
  readonly reject: (error: unknown) => void;
}

interface Open {
  readonly stream: ClientDuplexStream<number, LeaseResponse>;
  readonly failed: () => void;
  /** Who waits for an answer about which lease; answers to one lease come in order. */
  readonly waiting: Map<number, Waiter[]>;
  ended: boolean;
}

/**
 * Keeps leases alive over one stream to one member. When that breaks or is silent, what is not answered is asked
 * again of another: keeping alive twice does no harm.
 */
export class KeepAlives {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #limits: EtcdLimits;
  #open: Promise<Open> | undefined;
  #closed = false;

  constructor(parts: { cluster: Cluster; clock: Clock; limits: EtcdLimits }) {
    this.#cluster = parts.cluster;
    this.#clock = parts.clock;
    this.#limits = parts.limits;
  }

  /** The seconds that the lease has from now on; 0 if there is no such lease. */
  async ask(id: number): Promise<number> {
    const untilMs = this.#clock.monotonic() + this.#limits.requestTimeoutMs;
    const backoff = new Backoff({ firstMs: this.#limits.retryFirstMs, maxMs: this.#limits.retryMaxMs });
    for (;;) {
      if (this.#closed) throw closedError();
      try {
        return await this.#askOnce(id);
      } catch (error) {
        const delayMs = backoff.next();
        const late = this.#clock.monotonic() + delayMs >= untilMs;
        if (late || this.#closed || !isMembersFault(error)) throw toFault(error);
        await this.#clock.sleep(delayMs);
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#open?.then(
      ({ stream }) => stream.cancel(),
      () => {},
    );
  }

  async #askOnce(id: number): Promise<number> {
    this.#open ??= this.#connect();
    const open = await this.#open;
    if (open.ended) throw new KraudError('unavailable', 'etcd: the stream of leases ended');
    const answered = new AbortController();
    try {
      return await new Promise<number>((resolve, reject) => {
        open.waiting.set(id, [...(open.waiting.get(id) ?? []), { resolve, reject }]);
        open.stream.write(id);
        this.#clock.sleep(this.#limits.attemptTimeoutMs, answered.signal).then(
          () => this.#end(open, new KraudError('timeout', 'etcd: no answer about a lease')),
          () => {},
        );
      });
    } finally {
      answered.abort();
    }
  }

  async #connect(): Promise<Open> {
    try {
      const { stream, failed } = await this.#cluster.stream(rpcs.leaseKeepAlive);
      const open: Open = { stream, failed, waiting: new Map(), ended: false };
      stream.on('data', ({ id, ttlSeconds }: LeaseResponse) => {
        const [first, ...rest] = open.waiting.get(id) ?? [];
        if (rest.length > 0) open.waiting.set(id, rest);
        else open.waiting.delete(id);
        first?.resolve(ttlSeconds);
      });
      stream.on('error', (error) => this.#end(open, error));
      stream.on('end', () =>
        this.#end(open, new KraudError('unavailable', 'etcd: the stream of leases ended')),
      );
      return open;
    } catch (error) {
      this.#open = undefined;
      throw error;
    }
  }

  /** The stream is of no use any more: the next request opens another. */
  #end(open: Open, error: unknown): void {
    if (open.ended) return;
    open.ended = true;
    this.#open = undefined;
    const waiting = [...open.waiting.values()].flat();
    if (waiting.length > 0) open.failed();
    open.stream.cancel();
    for (const { reject } of waiting) reject(error);
  }
}
