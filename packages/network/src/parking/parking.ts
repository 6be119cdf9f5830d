import { type Clock, type Logger, messageOf } from '@kraud/base';
import type { NetworkLimits } from '../defaults.ts';
import type { TapPlace, Vpc } from '../vpc.ts';
import type { KnockWatch } from './knock-watch.ts';
import { type Door, Knocks } from './knocks.ts';

interface Watched {
  readonly watch: KnockWatch;
  /** Who needs it. */
  readonly pods: Set<string>;
}

interface Parked {
  readonly vpc: Vpc;
  readonly door: Door;
}

/** The parked pods of this host. Invariant: a VPC is watched exactly while a pod of it is parked, or being so. */
export class Parking {
  readonly #log: Logger;
  readonly #knocks: Knocks;
  readonly #parked = new Map<string, Parked>();
  readonly #watched = new Map<Vpc, Watched>();

  constructor(options: {
    readonly clock: Clock;
    readonly limits: NetworkLimits;
    readonly logger: Logger;
  }) {
    const { clock, limits, logger } = options;
    this.#log = logger;
    this.#knocks = new Knocks({ clock, againMs: limits.knockAgainMs, logger });
  }

  listen(listener: (podId: string) => void): void {
    this.#knocks.listen(listener);
  }

  /** Again for the same pod does it anew. When it fails, the pod is parked only if it was before. */
  async park(podId: string, vpc: Vpc, device: string, place: TapPlace): Promise<void> {
    const before = this.#parked.get(podId);
    const door = { podId, netns: vpc.netns, device, addresses: place.addresses };
    const watch = this.#need(vpc, podId);
    try {
      // First, so that no knock is missed.
      await watch.listening();
      if (before) this.#knocks.forget(before.door);
      this.#knocks.expect(door);
      this.#parked.set(podId, { vpc, door });
      await vpc.park(podId, device, place);
    } catch (error) {
      if (!before) this.#forget(podId, vpc, door);
      throw error;
    }
  }

  /** Whoever knocks already is told of. */
  async ask(): Promise<void> {
    await Promise.all([...this.#watched.values()].map(({ watch }) => watch.ask()));
  }

  tapOf(podId: string): { readonly netns: string; readonly device: string } | undefined {
    return this.#parked.get(podId)?.door;
  }

  /** What waits is sent, once it is `ready` for that. A pod that isn't parked is fine. */
  async unpark(podId: string, place: TapPlace, ready?: Promise<void>): Promise<void> {
    const parked = this.#parked.get(podId);
    if (!parked) return;
    const { vpc, door } = parked;
    await Promise.all([vpc.parking.carries(door.device), ready]);
    await vpc.connect(podId, door.device, place);
    this.#forget(podId, vpc, door);
  }

  /** Nothing knocks for the pod any more; its tap is the caller's business. */
  forget(podId: string): void {
    const parked = this.#parked.get(podId);
    if (parked) this.#forget(podId, parked.vpc, parked.door);
  }

  close(): void {
    for (const podId of [...this.#parked.keys()]) this.forget(podId);
    for (const { watch } of this.#watched.values()) watch.close();
    this.#watched.clear();
  }

  #need(vpc: Vpc, podId: string): KnockWatch {
    const { netns } = vpc;
    const watched = this.#watched.get(vpc) ?? {
      watch: vpc.parking.watch({
        missed: (neighbour) => this.#knocks.missed(netns, neighbour),
        learned: (neighbour) => this.#unlearn(vpc, this.#knocks.at(netns, neighbour)),
      }),
      pods: new Set(),
    };
    watched.pods.add(podId);
    this.#watched.set(vpc, watched);
    return watched.watch;
  }

  #unlearn(vpc: Vpc, door: Door | undefined): void {
    if (!door) return;
    vpc.parking.unlearn(door.device).catch((error: unknown) => {
      this.#log.warn({ podId: door.podId, error: messageOf(error) }, 'what a parked pod has told is kept');
    });
  }

  #forget(podId: string, vpc: Vpc, door: Door): void {
    this.#parked.delete(podId);
    this.#knocks.forget(door);
    const watched = this.#watched.get(vpc);
    if (!watched) return;
    watched.pods.delete(podId);
    if (watched.pods.size > 0) return;
    watched.watch.close();
    this.#watched.delete(vpc);
  }
}
