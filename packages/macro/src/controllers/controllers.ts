import type { Clock, Logger } from '@kraud/base';
import type { EventLog } from '../events/event-log.ts';
import { retentionDefaults, trimEvents } from '../events/retention.ts';
import type { Pod, Volume, Workload } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';
import { schedulerDefaults } from '../scheduler/limits.ts';
import type { Store } from '../store/contract.ts';
import { runAutoRemove } from './auto-remove.ts';
import { Binder } from './binder.ts';
import { ChangeEvents } from './change-events.ts';
import { Compactor } from './compactor.ts';
import { runDisplacement } from './displace-controller.ts';
import { collectGarbage } from './garbage.ts';
import { Drains, HostLeases, LostHosts, MoveBudget, moveDefaults } from './hosts/index.ts';
import type { Leader } from './leader.ts';
import { MissingImages } from './missing-images.ts';
import { giveEndpoints, type OlderEndpointsParts } from './older-endpoints.ts';
import { periodically } from './periodic.ts';
import { podEvents } from './pod-events.ts';
import { RestartController } from './restart.ts';
import { type RestartLimits, restartDefaults } from './restart-policy.ts';
import { VirtualAddresses } from './virtual-addresses.ts';
import { WorkloadController } from './workload.ts';
import { workloadEvents } from './workload-events.ts';

export const macroDefaults = {
  /** History is kept for one to two of these. */
  compactEveryMs: 5 * 60_000,
  trimEventsEveryMs: 60_000,
  garbageEveryMs: 5 * 60_000,
  retention: retentionDefaults,
  restart: restartDefaults as RestartLimits,
  scheduler: schedulerDefaults,
  hosts: moveDefaults,
};

/** A host of several. */
export interface SharedHost {
  readonly name: string;
  /** On the monotonic clock: since when it has held its lease without a gap; infinity while it doesn't. */
  heldSinceMs(): number;
}

export interface ControllersParts {
  readonly store: Store;
  readonly tables: Tables;
  readonly events: EventLog;
  readonly leader: Leader;
  /** Removes the volume's data and then the volume; gone already is fine. */
  readonly dropVolume: (volume: Volume) => Promise<void>;
  /** Makes the volumes that a pod names and that are missing; those of its own go with it. Safe to repeat. */
  readonly makeVolumes: (pod: Pod) => Promise<void>;
  /** Gives a workload the image that could not be had when it was made; false as long as it still can't. */
  readonly findImage: (workload: Workload, signal: AbortSignal) => Promise<boolean>;
  /** How workloads from before there were endpoints are to be reached: see `giveEndpoints`. */
  readonly endpointOf: OlderEndpointsParts['endpointOf'];
  /** This host, where others may share the store. Where none does, it is never lost: nobody else could run its pods. */
  readonly self: SharedHost | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<typeof macroDefaults>;
}

/** All controllers of the engine, run by one leader at a time. */
export class Controllers {
  readonly #parts: ControllersParts;
  readonly #limits: typeof macroDefaults;
  /** Only once in the life of this process: see `startsWithDaemon`. */
  #broughtBack = false;

  constructor(parts: ControllersParts) {
    this.#parts = parts;
    this.#limits = { ...macroDefaults, ...parts.limits };
  }

  /** Runs until the signal aborts. The tables must be running. */
  async run(signal: AbortSignal): Promise<void> {
    const { tables, self, clock, logger } = this.#parts;
    await tables.ready();
    // Each host brings back its own: another leader is no new start of theirs.
    if (self) {
      await new RestartController({ tables, clock, logger }).startStopped(self.name);
      this.#broughtBack = true;
    }
    await this.#parts.leader.run(signal, (term) => this.#lead(term));
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { store, tables, events, clock, logger, dropVolume, makeVolumes, findImage, self } = this.#parts;
    const limits = this.#limits.hosts;
    const budget = new MoveBudget(clock, limits.movesBurst);
    const leases = new HostLeases({ store, clock, logger });
    const heldSinceMs = (): number => self?.heldSinceMs() ?? 0;
    const lost = new LostHosts({ tables, leases, budget, heldSinceMs, clock, logger, limits });
    const restart = new RestartController({ tables, clock, logger, limits: this.#limits.restart });
    const told = { store, log: events, clock, logger };
    const recorders = [new ChangeEvents(podEvents, told), new ChangeEvents(workloadEvents, told)];
    const compactor = new Compactor(store, () => Math.min(...recorders.map((each) => each.neededAfter)));
    const every = (name: string, everyMs: number, work: () => Promise<unknown>): Promise<void> =>
      periodically({ name, everyMs, clock, logger }, signal, async () => void (await work()));
    // The caches may lag behind what the leader before wrote.
    await this.#catchUp();
    if (!this.#broughtBack) await restart.startStopped();
    this.#broughtBack = true;
    await giveEndpoints({ tables, endpointOf: this.#parts.endpointOf });
    await Promise.all([
      new Binder({ tables, clock, logger, limits: this.#limits.scheduler }).run(signal),
      runDisplacement({ tables, clock, logger }, signal),
      restart.run(signal),
      runAutoRemove({ tables, clock, logger }, signal),
      ...recorders.map((each) => each.run(signal)),
      new WorkloadController({
        tables,
        makeVolumes,
        mayMove: () => !self || lost.mayMove(),
        clock,
        logger,
      }).run(signal),
      new MissingImages({ tables, findImage, clock, logger }).run(signal),
      new VirtualAddresses({ tables, clock, logger }).run(signal),
      new Drains({ tables, budget, clock, logger, limits }).run(signal),
      ...(self ? [leases.run(signal), lost.run(signal)] : []),
      every('compact', this.#limits.compactEveryMs, () => compactor.compact()),
      every('trim-events', this.#limits.trimEventsEveryMs, () =>
        trimEvents(store, clock, this.#limits.retention),
      ),
      every('garbage', this.#limits.garbageEveryMs, () => collectGarbage({ tables, dropVolume })),
    ]);
  }

  async #catchUp(): Promise<void> {
    const { tables, store } = this.#parts;
    const revision = await store.revision();
    const caches = [tables.pods, tables.workloads, tables.hosts, tables.volumes, tables.networks].map(
      ({ cache }) => cache,
    );
    await Promise.all(caches.map((cache) => cache.reached(revision)));
  }
}
