import { SeededRandom } from '@kraud/base';
import { bands, type Pod } from '../model/index.ts';
import type { Binding, Eviction, Plan, Refusal } from './contract.ts';
import { type Demand, demandOf } from './demand.ts';
import type { Fleet, Placed } from './fleet.ts';
import { awaited, type Preemption, preempt, relief } from './preempt.ts';
import { refusalOf } from './refusal.ts';
import { Search } from './search.ts';

/**
 * Finds a host for each wanted pod, each on top of the ones before: filter, then score; then the room that is about to
 * be free; then the room of weaker bands. Pure: the same pods and fleet, the same plan, and the fleet stays as it was.
 */
export function plan(wanted: readonly Pod[], fleet: Fleet): Plan {
  return new Planner(fleet).run(wanted);
}

/** Stronger bands first, otherwise as they come. */
export function inOrder(wanted: readonly Pod[]): Pod[] {
  const band = (pod: Pod): number => bands.indexOf(pod.spec.placement?.band ?? 'production');
  return [...wanted].sort((a, b) => band(b) - band(a));
}

class Planner {
  readonly #fleet: Fleet;
  readonly #random: SeededRandom;
  readonly #bindings: Binding[] = [];
  readonly #evictions: Eviction[] = [];
  readonly #refusals: Refusal[] = [];
  readonly #undo: (() => void)[] = [];
  /** Assumed, but only put where it weighs once another pod is looked at. */
  #last: Placed | undefined;
  /** Refused once, refused for all that want the same, until room is made. */
  readonly #refused = new Map<string, Refusal>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
    this.#random = new SeededRandom(fleet.limits.seed);
  }

  run(wanted: readonly Pod[]): Plan {
    try {
      for (const slot of [...this.#fleet.rooms.overfull]) this.#relieve(slot);
      for (const pod of inOrder(wanted)) this.#decide(pod);
    } finally {
      for (const undo of this.#undo.reverse()) undo();
    }
    return { bindings: this.#bindings, evictions: this.#evictions, refusals: this.#refusals };
  }

  #decide(pod: Pod): void {
    const { uid, revision = 0 } = pod.meta;
    const fleet = this.#fleet;
    this.#settle();
    const demand = demandOf(pod, fleet.limits);
    const alike = this.#refused.size > 0 ? this.#refused.get(likeness(demand)) : undefined;
    if (alike) {
      this.#refusals.push({ ...alike, uid });
      return;
    }
    const search = new Search(fleet, demand);
    const slot = search.best(this.#random);
    if (slot !== undefined) {
      this.#assume(demand, slot);
      this.#bindings.push({ uid, revision, host: fleet.nameOf(slot) });
      return;
    }
    const preemption = awaited(search, fleet) ?? preempt(search, fleet, this.#random);
    if (preemption) this.#await(search, preemption);
    else {
      const refusal = refusalOf(search, fleet);
      this.#refusals.push(refusal);
      if (fleet.limits.equivalenceClasses) this.#refused.set(likeness(demand), refusal);
    }
  }

  /** It isn't bound before the room is free; until then the room is kept for it. */
  #await(search: Search, { slot, leaving, victims }: Preemption): void {
    const { pod, band } = search.demand;
    const host = this.#fleet.nameOf(slot);
    const { uid, name, tenant } = pod.meta;
    for (const victim of victims) {
      const whose = victim.demand.pod.meta.tenant === tenant ? `pod ${name}` : 'another pod';
      this.#evict(victim, uid, `its room on ${host} was taken by ${whose} (${bands[band]})`);
    }
    for (const placed of leaving) this.#drop(placed);
    this.#assume(search.demand, slot);
    this.#refused.clear();
    const count = leaving.length + victims.length;
    const message = `waits for room on host ${host}: ${count} ${count === 1 ? 'pod is' : 'pods are'} leaving it`;
    this.#refusals.push({ uid, reasons: [], awaits: host, message });
  }

  #relieve(slot: number): void {
    const host = this.#fleet.nameOf(slot);
    for (const victim of relief(slot, this.#fleet)) {
      this.#evict(victim, undefined, `host ${host} needs its room for what is reserved there`);
    }
  }

  #evict(victim: Placed, by: string | undefined, reason: string): void {
    const { uid, revision = 0 } = victim.demand.pod.meta;
    this.#drop(victim);
    this.#evictions.push({ uid, revision, host: this.#fleet.nameOf(victim.slot), by, reason });
  }

  #drop(placed: Placed): void {
    this.#fleet.take(placed);
    this.#undo.push(() => this.#fleet.put(placed));
  }

  #assume(demand: Demand, slot: number): void {
    if (demand.volumes.length > 0) this.#undo.push(this.#fleet.tie(demand, this.#fleet.nameOf(slot)));
    if (demand.runs) this.#last = this.#fleet.weigh(demand.pod, slot, demand);
  }

  #settle(): void {
    const placed = this.#last;
    if (!placed) return;
    this.#last = undefined;
    this.#fleet.put(placed);
    this.#undo.push(() => this.#fleet.take(placed));
  }
}

/** Equal for pods that every rule treats the same. */
function likeness({ pod, placement, runs, room, ports, volumes, owner }: Demand): string {
  const { tenant, labels } = pod.meta;
  return JSON.stringify([tenant, owner, runs, room, ports, volumes, placement, labels]);
}
