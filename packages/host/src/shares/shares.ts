import { KeyedLock, KraudError } from '@kraud/base';
import type { HostVm } from '../parts.ts';
import { Share, type ShareParts } from './share.ts';

export interface Joining {
  readonly tenant: string;
  readonly uid: string;
  readonly vm: HostVm;
  /** The VM's volumes, in their order. */
  readonly volumes: readonly string[];
  /** It will soon be gone. */
  readonly brief: boolean;
}

/** The volumes that running pods of this host mount. */
export class Shares {
  readonly #parts: ShareParts;
  readonly #shares = new Map<string, Share>();
  readonly #turns = new KeyedLock();

  constructor(parts: ShareParts) {
    this.#parts = { ...parts, logger: parts.logger.child({ part: 'shares' }) };
  }

  /**
   * The VM's disks are mounted: it keeps those of its volumes that it has, and reaches the others through their keepers.
   * Resolves once it can use all of them.
   */
  async join({ tenant, uid, vm, volumes, brief }: Joining, signal?: AbortSignal): Promise<void> {
    const usable = volumes.map((name, index) => {
      const share = this.#share(tenant, name);
      return share.join({ uid, vm, index, at: `volumes/${index}`, brief });
    });
    if (usable.length === 0) return;
    const ended = vm.exited.then(() => {
      throw new KraudError('unavailable', 'the VM ended while it waited for a volume');
    });
    const done = new AbortController();
    const aborted = new Promise<never>((_, reject) => {
      const options = { once: true, signal: done.signal };
      signal?.addEventListener('abort', () => reject(signal.reason), options);
    });
    for (const promise of [ended, aborted]) promise.catch(() => {});
    try {
      signal?.throwIfAborted();
      await Promise.race([Promise.all(usable), ended, aborted]);
    } finally {
      done.abort();
    }
  }

  /** Pods have given up volumes. */
  left(): void {
    for (const [key, share] of this.#shares) {
      share.look();
      if (share.isEmpty) this.#shares.delete(key);
    }
  }

  /**
   * Waits for the right to fill these volumes if they are empty, which one pod at a time has; the answer gives it back.
   * Whoever asks for it can use the volumes.
   */
  async turn(tenant: string, volumes: readonly string[]): Promise<() => void> {
    const done = Promise.withResolvers<void>();
    // In one order, so that no two wait for each other.
    for (const name of volumes.toSorted()) {
      await new Promise<void>((entered) => {
        void this.#turns.run(`${tenant}/${name}`, () => {
          entered();
          return done.promise;
        });
      });
    }
    return done.resolve;
  }

  /** What is amiss, in words. */
  get faults(): string[] {
    return [...this.#shares.values()].flatMap(({ fault }) => fault ?? []);
  }

  /** Nothing is begun any more. */
  close(): void {
    for (const share of this.#shares.values()) share.close();
  }

  #share(tenant: string, name: string): Share {
    const key = `${tenant}/${name}`;
    const share = this.#shares.get(key) ?? new Share({ tenant, name }, this.#parts);
    this.#shares.set(key, share);
    return share;
  }
}
