import type { Host } from '../model/index.ts';
import type { Misfit } from './contract.ts';
import { clash, constraintsOf, type Demand, productionBand, type Room } from './demand.ts';
import type { Fleet, Placed } from './fleet.ts';
import { genericMisfit } from './generic.ts';
import { factOf, hostMisfit } from './host-rules.ts';
import { hasLabels } from './neighbours.ts';
import { farMisfit, nearMisfit, spreadMisfit } from './relations.ts';

/**
 * Every rule that a pod breaks on a host, read off what runs there and not off the sums and indexes by which places
 * are found: this is what plans are checked against.
 */
export function* misfits(demand: Demand, host: Host, slot: number, fleet: Fleet): Iterable<Misfit> {
  const { placement, pod } = demand;
  const wish = { constraints: constraintsOf(pod), tolerations: placement.tolerations };
  const misfit = hostMisfit(host, wish);
  if (misfit) yield misfit;
  for (const name of demand.volumes) {
    const place = fleet.homeOf(pod.meta.tenant, name);
    if (place !== undefined && place !== host.meta.name)
      yield { rule: 'volume', why: `volume ${name} is elsewhere` };
  }
  const company = [...fleet.placedOn(slot).values()];
  if (demand.runs) {
    const used = usedFor(demand.band, company);
    const { cpus, memoryBytes } = host.status;
    if (used.memory + demand.room.memory > memoryBytes) yield { rule: 'memory', why: 'lacks memory' };
    if (used.cpu + demand.room.cpu > cpus * 1000) yield { rule: 'cpus', why: 'lacks CPUs' };
    const taken = company.flatMap((placed) => placed.demand.ports);
    const generic = genericMisfit(demand.generic, host, company);
    if (generic) yield generic;
    for (const port of demand.ports)
      if (clash(port, taken)) yield { rule: 'port', why: `port ${port.hostPort}/${port.protocol} is taken` };
  }
  if (placement.perHostMax !== undefined && demand.owner !== undefined) {
    const replicas = company.filter((placed) => placed.demand.owner === demand.owner).length;
    if (replicas >= placement.perHostMax)
      yield { rule: 'per-host', why: `has ${placement.perHostMax} of its replicas` };
  }
  yield* affinityMisfits(demand, host, fleet);
}

/** What a pod of this band finds taken. */
export function usedFor(band: number, company: Iterable<Placed>): Room {
  let [cpu, memory] = [0, 0];
  for (const placed of company) {
    const room = band >= productionBand && placed.band >= productionBand ? placed.full : placed.kept;
    cpu += room.cpu;
    memory += room.memory;
  }
  return { cpu, memory };
}

function* affinityMisfits({ pod, placement }: Demand, host: Host, fleet: Fleet): Iterable<Misfit> {
  const { tenant, labels } = pod.meta;
  const repellers = fleet.neighbours.repellersOf(tenant, labels);
  const { near, far, spread } = placement;
  if (repellers.length + near.length + far.length + spread.length === 0) return;
  const matching = (wanted: Readonly<Record<string, string>>): Placed[] =>
    fleet.neighbours.matching(tenant, wanted, fleet.allPlaced());
  const placeOf = (placed: Placed, topology: string): string | undefined => {
    const other = fleet.hosts[placed.slot];
    return other && factOf(other, topology);
  };
  for (const { topology, placed } of [
    ...repellers.map(({ term, placed }) => ({
      topology: term.topology,
      placed: [...placed.values()],
    })),
    ...far
      .filter((term) => term.required)
      .map((term) => ({ topology: term.topology, placed: matching(term.labels) })),
  ]) {
    const here = factOf(host, topology);
    if (here !== undefined && placed.some((each) => placeOf(each, topology) === here))
      yield farMisfit(topology);
  }
  for (const term of near.filter((each) => each.required)) {
    const here = factOf(host, term.topology);
    const places = matching(term.labels).map((each) => placeOf(each, term.topology));
    const placed = places.filter((place) => place !== undefined);
    if (placed.length === 0 && hasLabels(labels, term.labels)) continue;
    if (here === undefined || !placed.includes(here)) yield nearMisfit(term.topology);
  }
  for (const { topology, labels: alike, maxSkew } of spread.filter((each) => each.required)) {
    const here = factOf(host, topology);
    const counts = new Map<string, number>();
    for (const placed of matching(alike)) {
      const place = placeOf(placed, topology);
      if (place !== undefined) counts.set(place, (counts.get(place) ?? 0) + 1);
    }
    const least = Math.min(
      ...[...placesFor(pod, placement.tolerations, topology, fleet)].map((place) => counts.get(place) ?? 0),
    );
    const own = hasLabels(labels, alike) ? 1 : 0;
    if (here === undefined || (counts.get(here) ?? 0) + own - least > maxSkew) yield spreadMisfit(topology);
  }
}

/** Values of a topology that have a host where such a pod may be. */
function placesFor(
  pod: Demand['pod'],
  tolerations: Demand['placement']['tolerations'],
  topology: string,
  fleet: Fleet,
): Set<string> {
  const wish = { constraints: constraintsOf(pod), tolerations };
  const places = new Set<string>();
  const all = fleet.places(topology);
  for (const host of fleet.hosts) {
    const place = host && factOf(host, topology);
    if (!host || place === undefined || places.has(place)) continue;
    if (!hostMisfit(host, wish)) places.add(place);
    if (places.size === all.size) break;
  }
  return places;
}
