import type { Clock, Logger } from '@kraud/base';
import { messageOf } from '@kraud/base';
import type { Neighbour } from '../kernel/neighbours.ts';

/** A parked pod's tap, by its place and name, and what is sent there. */
export interface Door {
  readonly podId: string;
  readonly netns: string;
  readonly device: string;
  readonly addresses: readonly string[];
}

/** Tells of pods that somebody sends something to while they are parked: at once, and then at most once in `againMs`. */
export class Knocks {
  readonly #clock: Clock;
  readonly #againMs: number;
  readonly #log: Logger;
  readonly #doors = new Map<string, Door & { toldAtMs: number | undefined }>();
  #listener: ((podId: string) => void) | undefined;

  constructor(options: { readonly clock: Clock; readonly againMs: number; readonly logger: Logger }) {
    this.#clock = options.clock;
    this.#againMs = options.againMs;
    this.#log = options.logger;
  }

  listen(listener: (podId: string) => void): void {
    this.#listener = listener;
  }

  expect(door: Door): void {
    this.#doors.set(keyOf(door), { ...door, toldAtMs: undefined });
  }

  forget(door: Door): void {
    this.#doors.delete(keyOf(door));
  }

  /** The door that a neighbour is behind, if it is one of ours. */
  at(netns: string, neighbour: Neighbour): Door | undefined {
    return this.#find(netns, neighbour);
  }

  /** What the kernel says of other devices and addresses is no knock. */
  missed(netns: string, neighbour: Neighbour): void {
    const door = this.#find(netns, neighbour);
    if (!door || !this.#listener) return;
    const nowMs = this.#clock.monotonic();
    if (door.toldAtMs !== undefined && nowMs - door.toldAtMs < this.#againMs) return;
    door.toldAtMs = nowMs;
    try {
      this.#listener(door.podId);
    } catch (error) {
      this.#log.error({ podId: door.podId, error: messageOf(error) }, 'a knock was not taken');
    }
  }

  #find(netns: string, { device, address }: Neighbour) {
    const door = this.#doors.get(keyOf({ netns, device }));
    return door?.addresses.includes(address) ? door : undefined;
  }
}

const keyOf = ({ netns, device }: Pick<Door, 'netns' | 'device'>): string => `${netns} ${device}`;
