import type { Random } from '@kraud/base';
import { clash, productionBand, type Room } from './demand.ts';
import type { Fleet, Placed } from './fleet.ts';
import { Search } from './search.ts';

/** Who leaves which host for a pod. */
export interface Preemption {
  readonly slot: number;
  /** Leave without being asked. */
  readonly leaving: readonly Placed[];
  readonly victims: readonly Placed[];
}

/** A host where the pod fits once the pods that are leaving anyway have gone. */
export function awaited(search: Search, fleet: Fleet): Preemption | undefined {
  const bySlot = new Map<number, Placed[]>();
  for (const placed of fleet.leaving) {
    const others = bySlot.get(placed.slot);
    if (others) others.push(placed);
    else bySlot.set(placed.slot, [placed]);
  }
  for (const [slot, leaving] of [...bySlot].sort(([a], [b]) => a - b)) {
    if (search.placeMisfit(slot) || !suffices(search, fleet, slot, leaving)) continue;
    if (isWelcome(search, fleet, slot, leaving)) return { slot, leaving, victims: [] };
  }
  return undefined;
}

/** The host where the fewest and weakest pods have to leave for it; only pods of weaker bands ever do. */
export function preempt(search: Search, fleet: Fleet, random: Random): Preemption | undefined {
  const { band, room, runs } = search.demand;
  if (!runs || band === 0) return undefined;
  const slots = fleet.hosts.length;
  const start = random.below(Math.max(1, slots));
  const sampleMax = fleet.limits.sampleHostsMax || slots;
  let best: Preemption | undefined;
  for (let i = 0, seen = 0; i < slots && seen < sampleMax; i += 1) {
    const slot = (start + i) % slots;
    if (!fleet.rooms.fitsAlone(slot, band, room) || search.placeMisfit(slot)) continue;
    const onHost = [...fleet.placedOn(slot).values()];
    const leaving = onHost.filter((placed) => placed.leaving);
    const candidates = onHost.filter((placed) => !placed.leaving && placed.band < band).sort(weakestFirst);
    const victims = fewest(candidates, (chosen) => suffices(search, fleet, slot, [...leaving, ...chosen]));
    if (!victims || !isWelcome(search, fleet, slot, [...leaving, ...victims])) continue;
    seen += 1;
    if (!best || isLess(victims, best.victims)) best = { slot, leaving, victims };
  }
  return best;
}

/** Who leaves a host that has promised more than it has: pods of the bands that run on what others don't use. */
export function relief(slot: number, fleet: Fleet): readonly Placed[] {
  const onHost = [...fleet.placedOn(slot).values()];
  const leaving = onHost.filter((placed) => placed.leaving);
  const candidates = onHost
    .filter((placed) => !placed.leaving && placed.band < productionBand)
    .sort(weakestFirst);
  const isRelieved = (chosen: readonly Placed[]): boolean => {
    const free = sum([...leaving, ...chosen], 0);
    const { cpu, memory } = fleet.rooms.free(slot, 0);
    return cpu + free.cpu >= 0 && memory + free.memory >= 0;
  };
  return fewest(candidates, isRelieved) ?? (isRelieved([]) ? [] : candidates);
}

/** What a pod's leaving gives to another of this band. */
export function yieldOf(placed: Placed, band: number): Room {
  return band >= productionBand && placed.band >= productionBand ? placed.full : placed.kept;
}

/** Whether the place still suits it without those who leave: it may have wanted to be near one of them. */
function isWelcome(search: Search, fleet: Fleet, slot: number, gone: readonly Placed[]): boolean {
  const { near, spread } = search.demand.placement;
  if (near.length + spread.length === 0) return true;
  for (const placed of gone) fleet.take(placed);
  const misfit = new Search(fleet, search.demand).placeMisfit(slot);
  for (const placed of [...gone].reverse()) fleet.put(placed);
  return misfit === undefined;
}

function suffices(search: Search, fleet: Fleet, slot: number, gone: readonly Placed[]): boolean {
  const { band, room, ports } = search.demand;
  const free = fleet.rooms.free(slot, band);
  const more = sum(gone, band);
  if (free.cpu + more.cpu < room.cpu || free.memory + more.memory < room.memory) return false;
  if (ports.length === 0) return true;
  const stay = [...fleet.placedOn(slot).values()].filter((placed) => !gone.includes(placed));
  const taken = stay.flatMap((placed) => placed.demand.ports);
  return !ports.some((port) => clash(port, taken));
}

function sum(gone: readonly Placed[], band: number): Room {
  let [cpu, memory] = [0, 0];
  for (const placed of gone) {
    const room = yieldOf(placed, band);
    cpu += room.cpu;
    memory += room.memory;
  }
  return { cpu, memory };
}

/** As many from the front as are needed, then without those that turn out not to be; undefined when all don't suffice. */
function fewest(
  candidates: readonly Placed[],
  isEnough: (chosen: readonly Placed[]) => boolean,
): readonly Placed[] | undefined {
  let chosen: Placed[] = [];
  for (const candidate of candidates) {
    if (isEnough(chosen)) break;
    chosen.push(candidate);
  }
  if (!isEnough(chosen)) return undefined;
  for (const strongest of [...chosen].reverse()) {
    const without = chosen.filter((placed) => placed !== strongest);
    if (isEnough(without)) chosen = without;
  }
  return chosen;
}

/** By band, then those whose room helps most, so that few have to go. */
function weakestFirst(a: Placed, b: Placed): number {
  return (
    a.band - b.band || b.kept.memory - a.kept.memory || b.kept.cpu - a.kept.cpu || (a.uid < b.uid ? -1 : 1)
  );
}

/** Weaker bands before fewer pods: one batch pod is worth more than two free ones. */
function isLess(a: readonly Placed[], b: readonly Placed[]): boolean {
  const strongest = (victims: readonly Placed[]): number => Math.max(-1, ...victims.map(({ band }) => band));
  const difference = strongest(a) - strongest(b) || a.length - b.length;
  return difference < 0 || (difference === 0 && sum(a, 0).memory < sum(b, 0).memory);
}
