import type { Random } from '@kraud/base';
import type { Misfit } from './contract.ts';
import { clash, type Demand } from './demand.ts';
import type { Fleet } from './fleet.ts';
import { genericMisfit } from './generic.ts';
import type { HostClass } from './host-class.ts';
import { type Relations, relationMisfit, relationScore, relationsOf } from './relations.ts';

/**
 * What a place is worth. Fuller hosts first, so that few are awake: two replicas on one host are worse than to wake
 * another, a slight unevenness over racks and zones isn't. A pod that is merely created doesn't go where its start
 * would fail, when there is a place where it wouldn't.
 */
const weights = { fullness: 10, asleep: 80, portTaken: 500, noRoom: 300 };

const lacksMemory: Misfit = { rule: 'memory', why: 'lacks memory' };
const lacksCpus: Misfit = { rule: 'cpus', why: 'lacks CPUs' };

/** Looks for the best host for one pod among those that can take it. */
export class Search {
  readonly #fleet: Fleet;
  readonly demand: Demand;
  readonly #hosts: HostClass;
  readonly #relations: Relations;
  readonly #pins: readonly { readonly volume: string; readonly host: string }[];

  constructor(fleet: Fleet, demand: Demand) {
    this.#fleet = fleet;
    this.demand = demand;
    this.#hosts = fleet.classes.of(demand.pod, demand.placement, fleet.hosts);
    this.#relations = relationsOf(demand, fleet, this.#hosts);
    this.#pins = demand.volumes.flatMap((volume) => {
      const host = fleet.homeOf(demand.pod.meta.tenant, volume);
      return host === undefined ? [] : [{ volume, host }];
    });
  }

  /** The first rule that keeps the pod from a host. */
  misfit(slot: number): Misfit | undefined {
    return (
      this.#hosts.misfit(slot) ??
      this.#pinMisfit(slot) ??
      this.#roomMisfit(slot) ??
      this.#portMisfit(slot) ??
      this.#companyMisfit(slot)
    );
  }

  /** The same without what pods would give up by leaving: room, and ports. */
  placeMisfit(slot: number): Misfit | undefined {
    return this.#hosts.misfit(slot) ?? this.#pinMisfit(slot) ?? this.#companyMisfit(slot);
  }

  /** The slot of the best host of a sample; undefined when none can take it. */
  best(random: Random): number | undefined {
    const { sampleHostsMax } = this.#fleet.limits;
    let [best, bestScore, seen] = [-1, Number.NEGATIVE_INFINITY, 0];
    const visit = (slot: number): boolean => {
      if (!this.#hosts.fits(slot) || this.misfit(slot) !== undefined) return false;
      const score = this.#score(slot);
      // On a par, the same host whatever the order in which they are looked at.
      if (score > bestScore || (score === bestScore && slot < best)) [best, bestScore] = [slot, score];
      seen += 1;
      if (sampleHostsMax === 0 || seen < sampleHostsMax) return false;
      return seen >= 8 * sampleHostsMax || !this.#relations.replicas.has(best);
    };
    this.#candidates(random, visit);
    return best === -1 ? undefined : best;
  }

  /** Hosts that may do, most likely ones first. */
  #candidates(random: Random, visit: (slot: number) => boolean): void {
    const { sampleHostsMax } = this.#fleet.limits;
    const [pin] = this.#pins;
    if (pin) {
      const slot = this.#fleet.slotOf(pin.host);
      if (slot !== undefined) visit(slot);
      return;
    }
    const { fitting } = this.#hosts;
    if (fitting.size <= 4 * sampleHostsMax || sampleHostsMax === 0) {
      for (const slot of fitting) if (visit(slot)) return;
      return;
    }
    const { band, room, runs } = this.demand;
    let found = false;
    const noting = (slot: number): boolean => {
      found = true;
      return visit(slot);
    };
    this.#fleet.rooms.search(band, room, random.below(1 << 20), runs ? visit : noting);
    if (!runs && !found) for (const slot of fitting) if (visit(slot)) return;
  }

  #pinMisfit(slot: number): Misfit | undefined {
    for (const { volume, host } of this.#pins) {
      if (this.#fleet.nameOf(slot) !== host) return { rule: 'volume', why: `volume ${volume} is elsewhere` };
    }
    return undefined;
  }

  #roomMisfit(slot: number): Misfit | undefined {
    const { runs, band, room } = this.demand;
    if (!runs || this.#fleet.rooms.fits(slot, band, room)) return undefined;
    return this.#fleet.rooms.free(slot, band).memory < room.memory ? lacksMemory : lacksCpus;
  }

  #portMisfit(slot: number): Misfit | undefined {
    const { runs, ports } = this.demand;
    if (!runs || ports.length === 0) return undefined;
    const taken = this.#fleet.portsOn(slot);
    const port = taken.length > 0 ? ports.find((each) => clash(each, taken)) : undefined;
    return port && { rule: 'port', why: `port ${port.hostPort}/${port.protocol} is taken` };
  }

  /** What the pods on it, and those elsewhere, have against it. */
  #companyMisfit(slot: number): Misfit | undefined {
    const { perHostMax } = this.demand.placement;
    if (perHostMax !== undefined && (this.#relations.replicas.get(slot) ?? 0) >= perHostMax)
      return { rule: 'per-host', why: `has ${perHostMax} of its replicas` };
    return relationMisfit(this.#relations, slot) ?? this.#genericMisfit(slot);
  }

  #genericMisfit(slot: number): Misfit | undefined {
    const { runs, generic } = this.demand;
    const host = this.#fleet.hosts[slot];
    if (!runs || generic.length === 0 || !host) return undefined;
    return genericMisfit(generic, host, this.#fleet.placedOn(slot).values());
  }

  #score(slot: number): number {
    const host = this.#fleet.hosts[slot];
    const { rooms } = this.#fleet;
    const { runs, band, room, ports } = this.demand;
    let score = weights.fullness * rooms.fullness(slot) + relationScore(this.#relations, slot);
    if (host) score += this.#hosts.score(slot, host);
    if (this.#fleet.placedOn(slot).size === 0) score -= weights.asleep;
    if (runs) return score;
    if (!rooms.fits(slot, band, room)) score -= weights.noRoom;
    if (ports.length > 0) {
      const taken = this.#fleet.portsOn(slot);
      score -= weights.portTaken * ports.filter((port) => clash(port, taken)).length;
    }
    return score;
  }
}
