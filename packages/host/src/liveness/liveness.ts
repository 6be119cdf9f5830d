import { type Clock, type Logger, messageOf } from '@kraud/base';
import type { Store } from '@kraud/macro';
import type { Fence } from './fence.ts';
import { type Hold, HostLease } from './host-lease.ts';

export interface LivenessOptions {
  readonly name: string;
  /** Of the data directory. */
  readonly instance: string;
  readonly store: Store;
  readonly ttlMs: number;
  /**
   * Absent where nobody else could run this host's pods: a cloud of one host, whose store is its own. Its pods go on
   * whatever becomes of the daemon.
   */
  readonly fence?: Fence;
  /** Resolves once the caches of this host show the store as it was at `revision`. */
  readonly caughtUp: (revision: number) => Promise<void>;
  readonly clock: Clock;
  readonly bootMs: () => number;
  readonly logger: Logger;
}

/** What the host agent asks before it runs something, and after something was ended. */
export interface MayRun {
  /**
   * Resolves while this host may begin to run pods: it holds its lease, its fence knows, and it has seen what was
   * decided about its pods while it did not.
   */
  mayRun(signal: AbortSignal): Promise<void>;
  /** Whether the fence has ended this host's VMs since then, by the monotonic clock. */
  firedSince(monotonicMs: number): boolean;
}

/**
 * This host's right to run pods. It takes the host's lease and keeps it; each time that it is confirmed, the fence is
 * told until when VMs may go on. Macro gives a host's pods to others only once the lease has ended.
 */
export class Liveness implements MayRun {
  readonly #options: LivenessOptions;
  readonly #lease: HostLease;
  #hold: Hold = { untilMs: 0, revision: 0 };
  #heldSinceMs = Number.POSITIVE_INFINITY;
  /** The claim whose past this host has seen. */
  #seenRevision = 0;
  #firedAtMs: number | undefined;
  #waiting: (() => void)[] = [];
  #onHeld: () => void = () => {};

  constructor(options: LivenessOptions) {
    this.#options = options;
    const { name, instance, store, ttlMs, clock, bootMs, logger } = options;
    const onHeld = (hold: Hold): Promise<void> => this.#held(hold);
    this.#lease = new HostLease({ name, instance, store, ttlMs, clock, bootMs, logger, onHeld });
  }

  /** Resolves once the lease is held. `conflict` when another host of this name holds it. */
  async start(): Promise<void> {
    await this.#lease.start();
  }

  /** Pods go on for the time that is left of the lease. No VM may be made any more. */
  async stop(): Promise<void> {
    await this.#lease.stop();
    await this.#options.fence?.leave();
  }

  /** Calls whenever the lease is held again after it wasn't. */
  onRegained(listener: () => void): void {
    this.#onHeld = listener;
  }

  /** On the monotonic clock: since when the lease has been held without a gap. */
  get heldSinceMs(): number {
    return this.isHeld ? this.#heldSinceMs : Number.POSITIVE_INFINITY;
  }

  get isHeld(): boolean {
    return this.#options.bootMs() < this.#hold.untilMs;
  }

  async mayRun(signal: AbortSignal): Promise<void> {
    if (!this.#options.fence) return;
    while (!this.isHeld || this.#seenRevision !== this.#hold.revision) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    signal.throwIfAborted();
  }

  firedSince(monotonicMs: number): boolean {
    const { fence, bootMs, clock } = this.#options;
    if (!fence) return false;
    const firedAtMs = this.isHeld ? this.#firedAtMs : this.#hold.untilMs;
    if (firedAtMs === undefined) return false;
    return firedAtMs >= bootMs() - (clock.monotonic() - monotonicMs);
  }

  async #held(hold: Hold): Promise<void> {
    const { fence, caughtUp, clock, logger } = this.#options;
    if (!this.isHeld) this.#heldSinceMs = clock.monotonic();
    const answer = await fence?.hold(hold.untilMs);
    if (answer?.firedAtMs !== undefined) {
      this.#firedAtMs = answer.firedAtMs;
      logger.error({}, 'this host could not reach the cloud; its pods were ended');
    }
    const isNew = hold.revision !== this.#hold.revision;
    this.#hold = hold;
    if (!isNew) return this.#wake();
    this.#onHeld();
    caughtUp(hold.revision).then(
      () => {
        this.#seenRevision = hold.revision;
        this.#wake();
      },
      (error: unknown) => logger.warn({ error: messageOf(error) }, 'what moved meanwhile was not seen'),
    );
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
