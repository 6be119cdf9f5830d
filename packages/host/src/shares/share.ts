import { Backoff, type Clock, codeOf, type Logger, messageOf } from '@kraud/base';
import type { VolumeDriver, VolumeKey } from '@kraud/volumes';
import type { HostLimits } from '../limits.ts';
import { within } from '../liveness/within.ts';
import { Link } from './link.ts';
import type { Seat } from './seat.ts';

const retryMs = { firstMs: 1000, maxMs: 30_000 };
const askAgainMs = 50;

export interface ShareParts {
  readonly volumes: Pick<VolumeDriver, 'holders' | 'setRole'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: Pick<HostLimits, 'shareHoldTimeoutMs'>;
}

interface Place {
  readonly seat: Seat;
  readonly usable: PromiseWithResolvers<void>;
  link: Link | undefined;
  /** It has the disk, mounted. */
  holds: boolean;
}

/**
 * One volume, and the running pods that mount it: sees to it that one of them keeps it and that the others reach that one.
 * Who holds it, and as what, is the driver's to say: this makes it true. Whatever may have changed that calls `look`.
 *
 * ```
 *                                  its disks are mounted
 *  first pod holds it ──> starting ─────────────────────> kept   each sharer is linked, and again when its link breaks
 *                            │ gone                       │  ^
 *                            v           gone             │  │ a sharer was given the disk, and has mounted it
 *                         orphaned <──────────────────────┘  │
 *                            └───────────────────────────────┘ one after the other; then all again, ever more slowly
 * ```
 *
 * While it is not kept, what pods do with its files waits.
 */
export class Share {
  readonly #key: VolumeKey;
  readonly #parts: ShareParts;
  readonly #logger: Logger;
  readonly #places = new Map<string, Place>();
  /** Those that could not mount the disk when they were last asked. */
  readonly #failed = new Set<string>();
  readonly #backoff = new Backoff(retryMs);
  readonly #closing = new AbortController();
  #fault: string | undefined;
  #retries = false;
  #looking = false;
  #lookAgain = false;

  constructor(key: VolumeKey, parts: ShareParts) {
    this.#key = key;
    this.#parts = parts;
    this.#logger = parts.logger.child({ volume: `${key.tenant}/${key.name}` });
  }

  get isEmpty(): boolean {
    return this.#places.size === 0;
  }

  /** Why nobody keeps it although there are pods that could; undefined when all is well. */
  get fault(): string | undefined {
    return this.#fault && `volume ${this.#key.name} can't be mounted, its users wait: ${this.#fault}`;
  }

  /** Resolves once the pod can use it. Nothing comes of it if the pod goes first. */
  join(seat: Seat): Promise<void> {
    const place = { seat, usable: Promise.withResolvers<void>(), link: undefined, holds: !isShared(seat) };
    // The pod has come back before it was seen to be gone.
    this.#places.get(seat.uid)?.link?.close();
    this.#failed.delete(seat.uid);
    this.#places.set(seat.uid, place);
    this.look();
    return place.usable.promise;
  }

  close(): void {
    this.#closing.abort();
    for (const place of this.#places.values()) place.link?.close();
  }

  /** What is to be done now is done, one thing at a time. */
  look(): void {
    this.#lookAgain = true;
    if (this.#looking) return;
    this.#looking = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    while (this.#lookAgain && !this.#closing.signal.aborted) {
      this.#lookAgain = false;
      try {
        await this.#step();
      } catch (error) {
        this.#logger.error({ error: messageOf(error) }, 'a shared volume is looked at again later');
        this.#lookLater();
      }
    }
    this.#looking = false;
  }

  async #step(): Promise<void> {
    const holders = this.#parts.volumes.holders(this.#key);
    for (const [uid, place] of this.#places) {
      if (holders.some(({ podId }) => podId === uid)) continue;
      place.link?.close();
      this.#places.delete(uid);
      this.#failed.delete(uid);
    }
    const keeper = holders.find(({ role }) => role === 'keeper');
    if (!keeper) return await this.#promote();
    const place = this.#places.get(keeper.podId);
    // Otherwise it is on its way here, or on its way out.
    if (place) await this.#keep(place);
  }

  /** The keeper has the disk, and all others are linked to it. */
  async #keep(keeper: Place): Promise<void> {
    // One that could not is on its way out.
    if (!keeper.holds) return this.#failed.has(keeper.seat.uid) ? undefined : await this.#give(keeper);
    this.#fault = undefined;
    keeper.link?.close();
    keeper.link = undefined;
    keeper.usable.resolve();
    for (const place of this.#places.values()) {
      if (place === keeper || place.link?.keeper === keeper.seat) continue;
      place.link?.close();
      place.link = new Link({
        keeper: keeper.seat,
        sharer: place.seat,
        clock: this.#parts.clock,
        logger: this.#logger.child({ pod: place.seat.uid.slice(0, 12) }),
        onUp: place.usable.resolve,
      });
    }
  }

  async #promote(): Promise<void> {
    const places = [...this.#places.values()];
    for (const place of places) {
      place.link?.close();
      place.link = undefined;
    }
    const willing = places.filter(({ seat }) => !this.#failed.has(seat.uid));
    const next = willing.find(({ seat }) => !seat.brief) ?? willing[0];
    if (next) return await this.#give(next);
    // Without any, those that hold it are still on their way here.
    if (places.length > 0 && !this.#retries) this.#lookLater();
  }

  /** Puts the disk into its VM, whose guest mounts it; else the next one is asked. */
  async #give({ seat }: Place): Promise<void> {
    const { volumes, clock, limits } = this.#parts;
    const { uid, vm, index } = seat;
    this.#lookAgain = true;
    const pod = uid.slice(0, 12);
    const over = new AbortController();
    try {
      volumes.setRole(this.#key, uid, 'keeper');
      const late = 'its disk was not mounted';
      await within(clock, limits.shareHoldTimeoutMs, late, this.#hold(seat, over.signal));
      const place = this.#places.get(uid);
      if (place?.seat === seat) place.holds = true;
      this.#failed.clear();
      this.#backoff.reset();
      this.#logger.info({ pod }, 'a volume has another keeper');
    } catch (error) {
      const stillHeld = volumes.holders(this.#key).some(({ podId }) => podId === uid);
      // A pod that is gone has given it back, or is about to.
      if (!stillHeld || (await hasEnded(vm))) return void this.#failed.add(uid);
      this.#fault = messageOf(error);
      this.#logger.warn({ pod, error: this.#fault }, 'a pod cannot be the keeper of a volume');
      await vm.dropVolume(index).catch((fault: unknown) => {
        this.#logger.error({ pod, error: messageOf(fault) }, 'a disk cannot be taken out of a VM');
      });
      this.#failed.add(uid);
      if (volumes.holders(this.#key).some(({ podId }) => podId === uid)) {
        volumes.setRole(this.#key, uid, 'sharer');
      }
    } finally {
      over.abort();
    }
  }

  /** A guest that was lost for a moment is asked again: it may have done it. */
  async #hold({ vm, index, at }: Seat, signal: AbortSignal): Promise<void> {
    await vm.takeVolume(index);
    for (;;) {
      try {
        return await vm.guest.holdShare(at);
      } catch (error) {
        if (codeOf(error) !== 'unavailable' || (await hasEnded(vm))) throw error;
        await this.#parts.clock.sleep(askAgainMs, signal);
      }
    }
  }

  #lookLater(): void {
    this.#retries = true;
    this.#parts.clock.sleep(this.#backoff.next(), this.#closing.signal).then(
      () => {
        this.#retries = false;
        this.#failed.clear();
        this.look();
      },
      () => {},
    );
  }
}

const isShared = ({ vm, index }: Seat): boolean => vm.spec.volumes[index]?.share !== undefined;

function hasEnded(vm: Seat['vm']): Promise<boolean> {
  return Promise.race([
    vm.exited.then(() => true),
    new Promise<false>((resolve) => setImmediate(resolve, false)),
  ]);
}
