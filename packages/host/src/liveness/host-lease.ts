import { type Clock, codeOf, KraudError, type Logger, messageOf } from '@kraud/base';
import { hostLeaseKey, type Lease, type Store } from '@kraud/macro';
import { type LeaseHolder, parseHolder } from './lease-holder.ts';
import { within } from './within.ts';

/** That this host holds its lease, as last confirmed. */
export interface Hold {
  /** On the boot clock: whatever of this host needs the lease must have ended by then. */
  readonly untilMs: number;
  /** The store's revision that claimed the lease: what changed while it wasn't held came before. */
  readonly revision: number;
}

export interface HostLeaseOptions {
  readonly name: string;
  /** Of the data directory. A later daemon of the same one takes the lease over. */
  readonly instance: string;
  readonly store: Pick<Store, 'get' | 'txn' | 'lease'>;
  readonly ttlMs: number;
  readonly clock: Clock;
  /** Milliseconds of a clock that nobody sets and that goes on while the machine sleeps. */
  readonly bootMs: () => number;
  /** Called for each confirmation, one at a time. */
  readonly onHeld: (hold: Hold) => Promise<void>;
  readonly logger: Logger;
}

const retryMs = 500;

/**
 * A host's lease on `/lease/host/NAME`, kept alive every third of its time to live. It counts as held for two thirds
 * of that from the moment when the last confirmed request was *sent*: the third that is left is for ending what
 * needs it, and for clocks that don't go alike. One that was lost is claimed again for as long as this runs.
 */
export class HostLease {
  readonly #options: HostLeaseOptions;
  readonly #stop = new AbortController();
  #lease: Lease | undefined;
  #revision = 0;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: HostLeaseOptions) {
    this.#options = options;
  }

  /** Resolves once it is held. `conflict` when another host of this name holds it. */
  async start(): Promise<void> {
    for (;;) {
      try {
        await this.#beat();
        break;
      } catch (error) {
        if (codeOf(error) !== 'unavailable' && codeOf(error) !== 'timeout') throw error;
        this.#options.logger.warn({ error: messageOf(error) }, 'the host lease could not be had yet');
        await this.#options.clock.sleep(retryMs);
      }
    }
    this.#loop = this.#run();
  }

  /** Stops renewing. It isn't given back: a next daemon within its time takes it over, and no pod has to move. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    if (this.#lease) await this.#beat().catch(() => {});
  }

  async #run(): Promise<void> {
    const { clock, ttlMs, logger } = this.#options;
    let waitMs = ttlMs / 3;
    for (;;) {
      await clock.sleep(waitMs, this.#stop.signal).catch(() => {});
      if (this.#stop.signal.aborted) return;
      try {
        await this.#beat();
        waitMs = ttlMs / 3;
      } catch (error) {
        logger.warn({ error: messageOf(error) }, 'the host lease was not renewed');
        waitMs = Math.min(retryMs, ttlMs / 10);
      }
    }
  }

  async #beat(): Promise<void> {
    const { clock, ttlMs, bootMs, onHeld } = this.#options;
    const sentMs = bootMs();
    await within(clock, ttlMs / 3, 'the store did not answer', this.#renew());
    await onHeld({ untilMs: sentMs + (ttlMs * 2) / 3, revision: this.#revision });
  }

  async #renew(): Promise<void> {
    try {
      if (this.#lease) return await this.#lease.keepAlive();
    } catch (error) {
      if (codeOf(error) !== 'not-found') throw error;
      this.#lease = undefined;
      this.#options.logger.error({}, 'the host lease had ended; it is claimed again');
    }
    const lease = await this.#options.store.lease(this.#options.ttlMs);
    const revision = await this.#claim(lease.id).catch(async (error: unknown) => {
      await lease.revoke().catch(() => {});
      throw error;
    });
    this.#lease = lease;
    this.#revision = revision;
  }

  /** Answers the revision that did it. */
  async #claim(lease: string): Promise<number> {
    const { store, name, instance } = this.#options;
    const key = hostLeaseKey(name);
    for (;;) {
      const { entry } = await store.get(key);
      const before = entry && parseHolder(entry.value);
      if (before && before.instance !== instance) {
        throw new KraudError(
          'conflict',
          `another host of this cloud is called ${name} (instance ${before.instance}): give this one another name`,
        );
      }
      const holder: LeaseHolder = { instance, incarnation: (before?.incarnation ?? 0) + 1 };
      const result = await store.txn({
        compare: [{ key, target: 'modRevision', op: '=', to: entry?.modRevision ?? 0 }],
        success: [{ op: 'put', key, value: JSON.stringify(holder), lease }],
      });
      if (result.succeeded) return result.revision;
    }
  }
}
