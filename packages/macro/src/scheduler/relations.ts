import type { Misfit } from './contract.ts';
import type { Demand } from './demand.ts';
import type { Fleet, Placed } from './fleet.ts';
import type { HostClass } from './host-class.ts';
import { hasLabels } from './neighbours.ts';

type Column = readonly (string | undefined)[];
type Counts = ReadonlyMap<string, number>;

/**
 * What counts against a place: each replica on the host; all replicas in the zone or rack, a part of them in proportion;
 * each pod that is to be spread; and of a preference its own weight, so many times.
 */
const weights = { ownerHost: 100, ownerZone: 120, ownerRack: 60, spread: 200, preference: 2 };

/** What the pods that run already mean for one more, worked out once for all hosts. */
export interface Relations {
  /** Pods of the same owner, by slot. */
  readonly replicas: ReadonlyMap<number, number>;
  readonly blocked: readonly { readonly column: Column; readonly at: Counts; readonly misfit: Misfit }[];
  readonly needed: readonly { readonly column: Column; readonly at: Counts; readonly misfit: Misfit }[];
  readonly bounded: readonly {
    readonly column: Column;
    readonly at: Counts;
    readonly countMax: number;
    readonly misfit: Misfit;
  }[];
  /** Each pod in the same place adds so much to the score. */
  readonly leanings: readonly { readonly column: Column; readonly at: Counts; readonly weight: number }[];
}

const nobody: ReadonlyMap<number, number> = new Map();
const alone: Relations = { replicas: nobody, blocked: [], needed: [], bounded: [], leanings: [] };

export function relationsOf(demand: Demand, fleet: Fleet, hosts: HostClass): Relations {
  const { placement, pod, owner } = demand;
  const { tenant, labels } = pod.meta;
  const repellers = fleet.neighbours.repellersOf(tenant, labels);
  const { near, far, spread } = placement;
  if (owner === undefined && repellers.length + near.length + far.length + spread.length === 0) return alone;
  const matching = (wanted: Readonly<Record<string, string>>): Placed[] =>
    fleet.neighbours.matching(tenant, wanted, fleet.allPlaced());

  const blocked = [...repellers].map(({ term, placed }) => ({
    column: fleet.column(term.topology),
    at: tally(placed.values(), fleet.column(term.topology)),
    misfit: farMisfit(term.topology),
  }));
  const needed: Relations['needed'][number][] = [];
  const bounded: Relations['bounded'][number][] = [];
  const leanings: Relations['leanings'][number][] = [];
  for (const term of far) {
    const column = fleet.column(term.topology);
    const at = tally(matching(term.labels), column);
    if (term.required) blocked.push({ column, at, misfit: farMisfit(term.topology) });
    else leanings.push({ column, at, weight: -weights.preference * term.weight });
  }
  for (const term of near) {
    const column = fleet.column(term.topology);
    const at = tally(matching(term.labels), column);
    // The first of a group that wants to be together may go anywhere.
    const first = at.size === 0 && hasLabels(labels, term.labels);
    if (!term.required) leanings.push({ column, at, weight: weights.preference * term.weight });
    else if (!first) needed.push({ column, at, misfit: nearMisfit(term.topology) });
  }
  for (const { topology, labels: alike, maxSkew, required } of spread) {
    const column = fleet.column(topology);
    const at = tally(matching(alike), column);
    if (!required) leanings.push({ column, at, weight: -weights.spread });
    else {
      const own = hasLabels(labels, alike) ? 1 : 0;
      const countMax = leastOf(at, hosts.places(topology, column)) + maxSkew - own;
      bounded.push({ column, at, countMax, misfit: spreadMisfit(topology) });
    }
  }
  const replicas = owner === undefined ? nobody : replicasOf(fleet, owner);
  if (replicas.size > 0) {
    const total = fleet.neighbours.ofOwner(owner ?? '').size;
    for (const [topology, weight] of [
      ['kr.zone', weights.ownerZone],
      ['kr.rack', weights.ownerRack],
    ] as const) {
      const column = fleet.column(topology);
      const at = new Map<string, number>();
      for (const [slot, count] of replicas) bump(at, column[slot], count);
      if (at.size > 0) leanings.push({ column, at, weight: -weight / total });
    }
  }
  return { replicas, blocked, needed, bounded, leanings };
}

/** The first relation that keeps the pod from a host. */
export function relationMisfit(relations: Relations, slot: number): Misfit | undefined {
  for (const { column, at, misfit } of relations.blocked) if (at.has(column[slot] ?? '')) return misfit;
  for (const { column, at, misfit } of relations.needed) if (!at.has(column[slot] ?? '')) return misfit;
  for (const { column, at, countMax, misfit } of relations.bounded) {
    const place = column[slot];
    if (place === undefined || (at.get(place) ?? 0) > countMax) return misfit;
  }
  return undefined;
}

export function relationScore(relations: Relations, slot: number): number {
  let score = -weights.ownerHost * (relations.replicas.get(slot) ?? 0);
  for (const { column, at, weight } of relations.leanings)
    score += weight * (at.get(column[slot] ?? '') ?? 0);
  return score;
}

export function farMisfit(topology: string): Misfit {
  return { rule: 'far', why: `too near (${topology}) to pods that are to be kept apart` };
}

export function nearMisfit(topology: string): Misfit {
  return { rule: 'near', why: `not near (${topology}) the pods that it belongs to` };
}

export function spreadMisfit(topology: string): Misfit {
  return { rule: 'spread', why: `uneven over ${topology}` };
}

function replicasOf(fleet: Fleet, owner: string): Map<number, number> {
  const replicas = new Map<number, number>();
  for (const { slot } of fleet.neighbours.ofOwner(owner).values())
    replicas.set(slot, (replicas.get(slot) ?? 0) + 1);
  return replicas;
}

function tally(placed: Iterable<Placed>, column: Column): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { slot } of placed) bump(counts, column[slot], 1);
  return counts;
}

function bump(counts: Map<string, number>, place: string | undefined, by: number): void {
  if (place !== undefined) counts.set(place, (counts.get(place) ?? 0) + by);
}

/** The fewest in any place where such a pod may be. */
function leastOf(at: Counts, places: ReadonlySet<string>): number {
  let least = Number.POSITIVE_INFINITY;
  for (const place of places) least = Math.min(least, at.get(place) ?? 0);
  return least === Number.POSITIVE_INFINITY ? 0 : least;
}
