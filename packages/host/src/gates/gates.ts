import { messageOf } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import type { Door, GateParts } from './parts.ts';
import { type Gate, gateKey, gatesOf, ownPorts } from './plan.ts';
import { Rotation } from './rotation.ts';
import { TcpDoor } from './tcp-door.ts';
import { UdpDoor } from './udp-door.ts';

export interface GatesOptions extends GateParts {
  /** This host's name. */
  readonly name: string;
  readonly pods: {
    list(): readonly Pod[];
    subscribe(listener: (changed: readonly Pod[]) => void): () => void;
  };
  /** Hosts that are not known to be lost, and changes of that. */
  readonly isThere: (host: string) => boolean;
  readonly subscribeHosts: (listener: () => void) => () => void;
}

interface Open {
  readonly rotation: Rotation;
  readonly gate: Gate;
  door: Door | undefined;
  /** Why the port could not be had. */
  problem: string | undefined;
  triedAtMs: number;
}

/**
 * Keeps open on this host what `gatesOf` says, for as long as `run` goes. A pod that is told to stop gets no new
 * connection from the moment on at which that is seen here. A port that a pod of this host wants is given up at once.
 */
export class Gates {
  readonly #options: GatesOptions;
  readonly #open = new Map<string, Open>();
  /** Doors that are shut, whose last connections go on. */
  readonly #leaving = new Set<Door>();
  #wake: () => void = () => {};

  constructor(options: GatesOptions) {
    this.#options = options;
  }

  /** What is amiss, for people. */
  get problems(): string[] {
    return [...this.#open.values()].flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pods, subscribeHosts, limits, clock } = this.#options;
    const unsubscribe = [
      pods.subscribe((changed) => {
        this.#yieldTo(changed);
        this.#wake();
      }),
      subscribeHosts(() => this.#wake()),
    ];
    const stopped = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    try {
      while (!signal.aborted) {
        const changed = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        await this.#reconcile();
        const again = this.problems.length > 0 ? [clock.sleep(limits.listenRetryMs, signal)] : [];
        await Promise.race([changed, stopped, ...again]).catch(() => {});
        // Many pods change at a time: they are looked at together.
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      for (const stop of unsubscribe) stop();
      for (const { door } of this.#open.values()) door?.close();
      for (const door of this.#leaving) door.close();
      this.#open.clear();
    }
  }

  /** Its network is about to bind these ports: whoever holds them for others lets go now. */
  #yieldTo(changed: readonly Pod[]): void {
    const taken = new Set(changed.flatMap((pod) => ownPorts(pod, this.#options.name)));
    if (taken.size === 0) return;
    for (const [key, { gate }] of this.#open) {
      if (taken.has(`${gate.protocol} ${gate.port}`)) this.#shut(key);
    }
  }

  #shut(key: string): void {
    const door = this.#open.get(key)?.door;
    this.#open.delete(key);
    if (!door) return;
    door.shut();
    this.#leaving.add(door);
  }

  async #reconcile(): Promise<void> {
    const { pods, name, isThere } = this.#options;
    const wanted = gatesOf(pods.list(), name, isThere);
    for (const key of [...this.#open.keys()]) if (!wanted.has(key)) this.#shut(key);
    for (const [key, gate] of wanted) {
      const open = this.#open.get(key) ?? {
        gate,
        rotation: new Rotation(gate.backends),
        door: undefined,
        problem: undefined,
        triedAtMs: Number.NEGATIVE_INFINITY,
      };
      open.rotation.set(gate.backends);
      this.#open.set(key, open);
      if (!open.door) await this.#tryOpen(key, open);
    }
  }

  async #tryOpen(key: string, open: Open): Promise<void> {
    const { clock, limits, logger } = this.#options;
    if (clock.monotonic() - open.triedAtMs < limits.listenRetryMs) return;
    open.triedAtMs = clock.monotonic();
    const kind = open.gate.protocol === 'tcp' ? TcpDoor : UdpDoor;
    try {
      const door = await kind.open(this.#options, open.gate, open.rotation);
      open.problem = undefined;
      if (this.#open.get(key) === open) open.door = door;
      // Given up while it was opened.
      else door.close();
    } catch (error) {
      const problem = `port ${open.gate.port}/${open.gate.protocol} of other hosts' pods can't be served here: ${messageOf(error)}`;
      if (open.problem !== problem) logger.warn({ gate: gateKey(open.gate) }, problem);
      open.problem = problem;
    }
  }
}
