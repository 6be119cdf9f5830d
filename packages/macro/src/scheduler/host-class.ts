import type { Constraint, Host, Placement, Pod } from '../model/index.ts';
import type { Misfit } from './contract.ts';
import { constraintsOf, imagesOf } from './demand.ts';
import { hostMisfit, satisfies, tolerates } from './host-rules.ts';
import type { SchedulerLimits } from './limits.ts';

/** An image that is there saves its pull; a host that would rather not is only better than none. */
const weights = { image: 15, reluctance: 150, preference: 2 };

/**
 * Pods that want the same of a host, whatever runs there. Every host is judged once for all of them, and again when
 * it changes.
 */
export class HostClass {
  readonly key: string;
  readonly #constraints: readonly Constraint[];
  readonly #placement: Placement;
  readonly #images: readonly string[];
  readonly #keepsScores: boolean;
  readonly #misfits: Misfit[] = [];
  readonly #number = new Map<string, number>();
  /** By slot: 0 = the host will do, otherwise the number of what is wrong with it. */
  readonly #verdicts: number[] = [];
  readonly #scores: number[] = [];
  readonly #fitting = new Set<number>();
  readonly #places = new Map<string, Set<string>>();

  constructor(
    key: string,
    pod: Pod,
    placement: Placement,
    hosts: readonly (Host | undefined)[],
    keepsScores: boolean,
  ) {
    this.key = key;
    this.#constraints = constraintsOf(pod);
    this.#placement = placement;
    this.#images = imagesOf(pod);
    this.#keepsScores = keepsScores;
    for (const [slot, host] of hosts.entries()) this.judge(slot, host);
  }

  fits(slot: number): boolean {
    return this.#verdicts[slot] === 0;
  }

  /** Slots of the hosts that will do. */
  get fitting(): ReadonlySet<number> {
    return this.#fitting;
  }

  /** The values of a topology, given by slot, that hosts which will do have. */
  places(topology: string, column: readonly (string | undefined)[]): ReadonlySet<string> {
    let places = this.#places.get(topology);
    if (!places) {
      places = new Set();
      for (const slot of this.#fitting) {
        const place = column[slot];
        if (place !== undefined) places.add(place);
      }
      this.#places.set(topology, places);
    }
    return places;
  }

  misfit(slot: number): Misfit | undefined {
    return this.#misfits[(this.#verdicts[slot] ?? 0) - 1];
  }

  score(slot: number, host: Host): number {
    return this.#keepsScores ? (this.#scores[slot] ?? 0) : this.#score(host);
  }

  judge(slot: number, host: Host | undefined): void {
    if (this.#places.size > 0) this.#places.clear();
    const misfit: Misfit | undefined = host
      ? hostMisfit(host, { constraints: this.#constraints, tolerations: this.#placement.tolerations })
      : { rule: 'ready', why: 'gone' };
    this.#verdicts[slot] = misfit ? this.#numberOf(misfit) : 0;
    if (misfit) this.#fitting.delete(slot);
    else this.#fitting.add(slot);
    this.#scores[slot] = host && !misfit && this.#keepsScores ? this.#score(host) : 0;
  }

  #numberOf(misfit: Misfit): number {
    const known = this.#number.get(misfit.why);
    if (known !== undefined) return known;
    this.#misfits.push(misfit);
    this.#number.set(misfit.why, this.#misfits.length);
    return this.#misfits.length;
  }

  #score(host: Host): number {
    let score = 0;
    for (const { constraint, weight } of this.#placement.prefer)
      if (satisfies(host, constraint)) score += weights.preference * weight;
    for (const taint of host.spec.taints ?? []) {
      if (taint.effect !== 'prefer-no-schedule') continue;
      if (!tolerates(this.#placement.tolerations, taint)) score -= weights.reluctance;
    }
    const { images } = host.status;
    if (!images || images.length === 0) return score;
    const present = this.#images.filter((image) => images.includes(image)).length;
    return score + (weights.image * present) / this.#images.length;
  }
}

/** The classes in use, a bounded number of them. */
export class HostClasses {
  readonly #limits: SchedulerLimits;
  readonly #classes = new Map<string, HostClass>();

  constructor(limits: SchedulerLimits) {
    this.#limits = limits;
  }

  of(pod: Pod, placement: Placement, hosts: readonly (Host | undefined)[]): HostClass {
    const key = classKey(pod, placement);
    if (!this.#limits.equivalenceClasses) return this.#make(key, pod, placement, hosts);
    let found = this.#classes.get(key);
    if (found) return found;
    found = this.#make(key, pod, placement, hosts);
    this.#classes.set(key, found);
    if (this.#classes.size > this.#limits.classesMax) {
      const [oldest] = this.#classes.keys();
      if (oldest !== undefined) this.#classes.delete(oldest);
    }
    return found;
  }

  hostChanged(slot: number, host: Host | undefined): void {
    for (const each of this.#classes.values()) each.judge(slot, host);
  }

  #make(key: string, pod: Pod, placement: Placement, hosts: readonly (Host | undefined)[]): HostClass {
    return new HostClass(key, pod, placement, hosts, this.#limits.scoreCache);
  }
}

function classKey(pod: Pod, { tolerations, prefer }: Placement): string {
  return JSON.stringify([imagesOf(pod), constraintsOf(pod), tolerations, prefer]);
}
