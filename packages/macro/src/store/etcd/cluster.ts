import type { ClientDuplexStream } from '@grpc/grpc-js';
import { Backoff, type Clock, KraudError, must, type Random } from '@kraud/base';
import type { EtcdAddress } from './address.ts';
import { Endpoint, type EtcdTls, type Rpc } from './endpoint.ts';
import { isMembersFault, isNoLeader, toFault } from './faults.ts';
import type { EtcdLimits } from './limits.ts';

export interface ClusterParts {
  readonly address: EtcdAddress;
  readonly tls?: EtcdTls | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: EtcdLimits;
}

/**
 * The members of an etcd cluster as one. Calls go to one member until it fails; then to the next that can be reached.
 */
export class Cluster {
  readonly #endpoints: readonly Endpoint[];
  readonly #clock: Clock;
  readonly #limits: EtcdLimits;
  readonly #closed = new AbortController();
  #current: number;

  constructor(parts: ClusterParts) {
    const { endpoints } = parts.address;
    this.#endpoints = endpoints.map((name) => new Endpoint(name, parts.tls, parts.limits));
    this.#clock = parts.clock;
    this.#limits = parts.limits;
    this.#current = parts.random.below(endpoints.length);
  }

  /** A call that may be made twice: another member is asked when one fails or is silent. */
  read<Request, Response>(rpc: Rpc<Request, Response>, request: Request): Promise<Response> {
    return this.#call(rpc, request, this.#limits.attemptTimeoutMs, isMembersFault);
  }

  /** A call that must not be made twice: repeated only if it is certain that nothing was done. */
  write<Request, Response>(rpc: Rpc<Request, Response>, request: Request): Promise<Response> {
    return this.#call(rpc, request, this.#limits.writeTimeoutMs, isNoLeader);
  }

  /** A stream to a member that is connected. `failed` says that it was of no use, so that the next goes elsewhere. */
  async stream<Request, Response>(
    rpc: Rpc<Request, Response>,
  ): Promise<{ stream: ClientDuplexStream<Request, Response>; failed: () => void }> {
    const endpoint = await this.#connected(this.#clock.monotonic() + this.#limits.requestTimeoutMs);
    return { stream: endpoint.stream(rpc), failed: () => this.#failed(endpoint) };
  }

  close(): void {
    this.#closed.abort();
    for (const endpoint of this.#endpoints) endpoint.close();
  }

  async #call<Request, Response>(
    rpc: Rpc<Request, Response>,
    request: Request,
    attemptMs: number,
    mayRepeat: (error: unknown) => boolean,
  ): Promise<Response> {
    const untilMs = this.#clock.monotonic() + this.#limits.requestTimeoutMs;
    const backoff = this.#backoff();
    for (;;) {
      const endpoint = this.#ready() ?? (await this.#connected(untilMs));
      try {
        return await endpoint.call(rpc, request, attemptMs);
      } catch (error) {
        if (isMembersFault(error)) this.#failed(endpoint);
        const delayMs = backoff.next();
        const late = this.#clock.monotonic() + delayMs >= untilMs;
        if (late || this.#closed.signal.aborted || !mayRepeat(error)) throw toFault(error);
        await this.#pause(delayMs);
      }
    }
  }

  #ready(): Endpoint | undefined {
    const endpoint = this.#endpoints[this.#current];
    return endpoint?.connected ? endpoint : undefined;
  }

  async #connected(untilMs: number): Promise<Endpoint> {
    const backoff = this.#backoff();
    for (;;) {
      for (const _ of this.#endpoints) {
        if (this.#closed.signal.aborted) throw closedError();
        const endpoint = must(this.#endpoints[this.#current], 'there is no endpoint');
        const leftMs = Math.max(1, untilMs - this.#clock.monotonic());
        if (await endpoint.connect(Math.min(leftMs, this.#limits.connectTimeoutMs))) return endpoint;
        this.#failed(endpoint);
      }
      const delayMs = backoff.next();
      if (this.#clock.monotonic() + delayMs >= untilMs) {
        const names = this.#endpoints.map(({ name }) => name).join(', ');
        throw new KraudError('unavailable', `etcd: none of ${names} can be reached`);
      }
      await this.#pause(delayMs);
    }
  }

  /** The next call goes to the next member, unless another caller has seen to that. */
  #failed(endpoint: Endpoint): void {
    if (this.#endpoints[this.#current] !== endpoint) return;
    this.#current = (this.#current + 1) % this.#endpoints.length;
  }

  #backoff(): Backoff {
    return new Backoff({ firstMs: this.#limits.retryFirstMs, maxMs: this.#limits.retryMaxMs });
  }

  async #pause(ms: number): Promise<void> {
    try {
      await this.#clock.sleep(ms, this.#closed.signal);
    } catch {
      throw closedError();
    }
  }
}

export function closedError(): KraudError {
  return new KraudError('unavailable', 'the store is closed');
}
