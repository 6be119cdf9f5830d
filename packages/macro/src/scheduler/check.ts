import type { Pod } from '../model/index.ts';
import type { Eviction, Plan } from './contract.ts';
import { clash, type Demand, demandOf, productionBand } from './demand.ts';
import type { Fleet, Placed } from './fleet.ts';
import { inOrder } from './plan.ts';
import { misfits, usedFor } from './rules.ts';

/**
 * What is wrong with a plan, in words; empty when it may be applied. Knows the rules, not how plans are made, looks at
 * what the plan touches and nothing else, and leaves the fleet as it was.
 */
export function check(plan: Plan, wanted: readonly Pod[], fleet: Fleet): string[] {
  return new Checker(plan, wanted, fleet).run();
}

class Checker {
  readonly #plan: Plan;
  readonly #wanted: readonly Pod[];
  readonly #fleet: Fleet;
  readonly #faults: string[] = [];
  readonly #undo: (() => void)[] = [];
  /** To be put where it weighs once another pod is looked at. */
  #last: Placed | undefined;
  readonly #evictions = new Map<string | undefined, Eviction[]>();

  constructor(plan: Plan, wanted: readonly Pod[], fleet: Fleet) {
    this.#plan = plan;
    this.#wanted = wanted;
    this.#fleet = fleet;
  }

  run(): string[] {
    const { bindings, evictions, refusals } = this.#plan;
    const answers = new Map<string, { host?: string; revision?: number; awaits?: string }>();
    const known = new Set(this.#wanted.map((pod) => pod.meta.uid));
    for (const answer of [...bindings, ...refusals]) {
      if (!known.has(answer.uid)) this.#faults.push(`${answer.uid} was not asked for`);
      if (answers.has(answer.uid)) this.#faults.push(`${answer.uid} is answered twice`);
      answers.set(answer.uid, answer);
    }
    for (const eviction of evictions) {
      const group = this.#evictions.get(eviction.by);
      if (group) group.push(eviction);
      else this.#evictions.set(eviction.by, [eviction]);
    }
    try {
      this.#checkRelief();
      for (const pod of inOrder(this.#wanted)) {
        this.#settle();
        const answer = answers.get(pod.meta.uid);
        if (!answer) this.#faults.push(`${pod.meta.name} was forgotten`);
        else if (answer.host !== undefined) this.#checkBinding(pod, answer.host, answer.revision);
        else if (answer.awaits !== undefined) this.#checkWait(pod, answer.awaits);
      }
      for (const group of this.#evictions.values())
        for (const { uid } of group) this.#faults.push(`${uid} is evicted for nobody`);
    } finally {
      for (const undo of this.#undo.reverse()) undo();
    }
    return this.#faults;
  }

  #checkBinding(pod: Pod, hostName: string, revision: number | undefined): void {
    const { name } = pod.meta;
    if (pod.spec.host !== undefined) this.#faults.push(`${name} is bound to ${pod.spec.host} already`);
    if (revision !== (pod.meta.revision ?? 0)) this.#faults.push(`${name} was planned for another version`);
    this.#checkPlace(demandOf(pod, this.#fleet.limits), hostName);
  }

  /** Every rule, at the moment the pod is put there. */
  #checkPlace(demand: Demand, hostName: string): void {
    const { name } = demand.pod.meta;
    const slot = this.#fleet.slotOf(hostName);
    const host = slot === undefined ? undefined : this.#fleet.hosts[slot];
    if (slot === undefined || !host) {
      this.#faults.push(`${name} is bound to ${hostName}, which isn't there`);
      return;
    }
    for (const { why } of misfits(demand, host, slot, this.#fleet))
      this.#faults.push(`${name} on ${hostName}: ${why}`);
    if (demand.volumes.length > 0) this.#undo.push(this.#fleet.tie(demand, hostName));
    if (demand.runs) this.#last = this.#fleet.weigh(demand.pod, slot, demand);
  }

  /** It fits once those that leave have left; none of them is asked to without need, and all are weaker. */
  #checkWait(pod: Pod, hostName: string): void {
    const demand = demandOf(pod, this.#fleet.limits);
    const victims = this.#victims(pod.meta.uid, hostName);
    for (const victim of victims) {
      if (victim.band >= demand.band) this.#faults.push(`${victim.uid} is not weaker than ${pod.meta.name}`);
      this.#take(victim);
    }
    const slot = this.#fleet.slotOf(hostName);
    const leaving =
      slot === undefined ? [] : [...this.#fleet.placedOn(slot).values()].filter((each) => each.leaving);
    for (const placed of leaving) this.#take(placed);
    if (slot !== undefined) {
      for (const victim of victims) {
        const company = [...this.#fleet.placedOn(slot).values(), victim];
        const taken = company.flatMap((placed) => placed.demand.ports);
        const portsAreFree = !demand.ports.some((port) => clash(port, taken));
        if (portsAreFree && this.#fits(demand.band, demand.room, slot, company))
          this.#faults.push(`${victim.uid} is evicted without need`);
      }
    }
    this.#checkPlace(demand, hostName);
  }

  /** Hosts that have promised too much: only weak pods leave, and only as many as it takes. */
  #checkRelief(): void {
    const hosts = new Set((this.#evictions.get(undefined) ?? []).map((eviction) => eviction.host));
    const relieved = [...hosts].flatMap((host) => this.#victims(undefined, host));
    for (const victim of relieved) this.#take(victim);
    for (const victim of relieved) {
      if (victim.band >= productionBand) this.#faults.push(`${victim.uid} is too strong to leave`);
      const company = [...this.#fleet.placedOn(victim.slot).values()].filter((each) => !each.leaving);
      if (this.#fits(0, { cpu: 0, memory: 0 }, victim.slot, [...company, victim]))
        this.#faults.push(`${victim.uid} is evicted without need`);
    }
  }

  #fits(
    band: number,
    room: { cpu: number; memory: number },
    slot: number,
    company: Iterable<Placed>,
  ): boolean {
    const used = usedFor(band, company);
    const capacity = this.#fleet.rooms.capacity(slot);
    return used.cpu + room.cpu <= capacity.cpu && used.memory + room.memory <= capacity.memory;
  }

  /** The evictions for a pod on a host, taken off the list. */
  #victims(by: string | undefined, hostName: string): Placed[] {
    const group = this.#evictions.get(by) ?? [];
    const [here, elsewhere] = [
      group.filter(({ host }) => host === hostName),
      group.filter(({ host }) => host !== hostName),
    ];
    if (elsewhere.length > 0) this.#evictions.set(by, elsewhere);
    else this.#evictions.delete(by);
    return here.flatMap(({ uid, revision }) => {
      const placed = this.#fleet.placed(uid);
      if (!placed || this.#fleet.nameOf(placed.slot) !== hostName)
        this.#faults.push(`${uid} isn't on ${hostName}`);
      else if (placed.demand.pod.meta.revision !== revision)
        this.#faults.push(`${uid} was planned for another version`);
      return placed ?? [];
    });
  }

  #settle(): void {
    const placed = this.#last;
    if (!placed) return;
    this.#last = undefined;
    this.#fleet.put(placed);
    this.#undo.push(() => this.#fleet.take(placed));
  }

  #take(placed: Placed): void {
    this.#fleet.take(placed);
    this.#undo.push(() => this.#fleet.put(placed));
  }
}
