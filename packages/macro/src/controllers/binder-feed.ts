import type { Clock } from '@kraud/base';
import type { Pod } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';
import { Fleet } from '../scheduler/fleet.ts';
import type { SchedulerLimits } from '../scheduler/limits.ts';

/** Keeps a fleet as the caches show it, change by change. */
export class FleetFeed {
  readonly fleet: Fleet;
  /** Pods without a host, by uid. */
  readonly unbound = new Map<string, Pod>();
  readonly #tables: Pick<Tables, 'pods' | 'hosts' | 'volumes'>;
  readonly #clock: Clock;

  constructor(tables: Pick<Tables, 'pods' | 'hosts' | 'volumes'>, clock: Clock, limits: SchedulerLimits) {
    this.fleet = new Fleet(limits);
    this.#tables = tables;
    this.#clock = clock;
  }

  /** Fills the fleet and follows; answers what ends that. Both happen in one turn, so that no change is missed. */
  start(): () => void {
    const { fleet } = this;
    const { hosts, volumes, pods } = this.#tables;
    const nowMs = (): number => this.#clock.now();
    for (const host of hosts.cache.list()) fleet.setHost(host, nowMs());
    for (const volume of volumes.cache.list()) fleet.setVolume(volume);
    for (const pod of pods.cache.list()) this.#setPod(pod);
    const unsubscribe = [
      hosts.cache.subscribe((changes) => {
        for (const { before, after } of changes) {
          if (before && before.meta.name !== after?.meta.name) fleet.removeHost(before.meta.name);
          if (after) fleet.setHost(after, nowMs());
        }
      }),
      volumes.cache.subscribe((changes) => {
        for (const { before, after } of changes) {
          if (before) fleet.removeVolume(before);
          if (after) fleet.setVolume(after);
        }
      }),
      pods.cache.subscribe((changes) => {
        for (const { before, after } of changes) {
          if (after) this.#setPod(after);
          else if (before) this.#removePod(before.meta.uid);
        }
      }),
    ];
    return () => {
      for (const stop of unsubscribe) stop();
    };
  }

  #setPod(pod: Pod): void {
    this.fleet.setPod(pod);
    if (pod.spec.host === undefined) this.unbound.set(pod.meta.uid, pod);
    else this.unbound.delete(pod.meta.uid);
  }

  #removePod(uid: string): void {
    this.fleet.removePod(uid);
    this.unbound.delete(uid);
  }
}
