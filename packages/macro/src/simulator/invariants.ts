import { displacementOf } from '../controllers/index.ts';
import { bands, type Host, type Pod } from '../model/index.ts';
import { demandOf, productionBand, wantsToRun, weighs } from '../scheduler/demand.ts';
import { Fleet } from '../scheduler/fleet.ts';
import { hostMisfit } from '../scheduler/host-rules.ts';
import { type SchedulerLimits, schedulerDefaults } from '../scheduler/limits.ts';
import { misfits } from '../scheduler/rules.ts';

export interface Snapshot {
  readonly hosts: readonly Host[];
  readonly pods: readonly Pod[];
  /** The pods as they were one step before, by uid. */
  readonly before: ReadonlyMap<string, Pod>;
}

/** What must hold whenever everything has settled; in words, empty when it does. */
export function* violations(seen: Snapshot, limits: SchedulerLimits = schedulerDefaults): Iterable<string> {
  const hosts = new Map(seen.hosts.map((host) => [host.meta.name, host]));
  yield* overfull(seen, limits);
  yield* forgotten(seen, limits);
  for (const pod of seen.pods) {
    const before = seen.before.get(pod.meta.uid);
    const host = hosts.get(pod.spec.host ?? '');
    if (host && before?.spec.host !== pod.spec.host && wantsToRun(pod)) yield* misplaced(pod, host);
    yield* wronged(pod, before);
  }
  for (const name of hosts.keys())
    yield* crowded(
      seen.pods.filter((pod) => pod.spec.host === name && weighs(pod)),
      name,
    );
}

/** What strong pods reserve fits on every host, whatever anybody uses. */
function* overfull({ hosts, pods }: Snapshot, limits: SchedulerLimits): Iterable<string> {
  for (const host of hosts) {
    let [cpu, memory] = [0, 0];
    for (const pod of pods) {
      if (pod.spec.host !== host.meta.name || !weighs(pod)) continue;
      const { band, room } = demandOf(pod, limits);
      if (band < productionBand) continue;
      cpu += room.cpu;
      memory += room.memory;
    }
    if (cpu > host.status.cpus * 1000 || memory > host.status.memoryBytes)
      yield `${host.meta.name} has promised more than it has to strong bands`;
  }
}

/** Nothing waits that fits somewhere by what is reserved: what is reclaimed only adds to that. */
function* forgotten({ hosts, pods }: Snapshot, limits: SchedulerLimits): Iterable<string> {
  const fleet = Fleet.of({ hosts, pods, volumes: [] }, { ...limits, reclaim: false });
  for (const pod of pods) {
    if (pod.spec.host !== undefined || pod.meta.deletedAt !== undefined) continue;
    const demand = demandOf(pod, limits);
    const place = fleet.hosts.find((host, slot) => {
      if (!host) return false;
      const [misfit] = misfits(demand, host, slot, fleet);
      return misfit === undefined;
    });
    if (place) yield `${pod.meta.name} waits ("${pod.status.message}") and would fit on ${place.meta.name}`;
    else if (pod.status.message === '') yield `${pod.meta.name} waits and doesn't say why`;
  }
}

function* misplaced(pod: Pod, host: Host): Iterable<string> {
  const { constraints = [], tolerations = [] } = pod.spec.placement ?? {};
  const misfit = hostMisfit(host, { constraints, tolerations });
  if (misfit) yield `${pod.meta.name} was bound to ${host.meta.name}: ${misfit.why}`;
}

/** Room is only taken from weaker bands. */
function* wronged(pod: Pod, before: Pod | undefined): Iterable<string> {
  const displacement = displacementOf(pod);
  if (!displacement || displacement.at === (before && displacementOf(before)?.at)) return;
  const taker = /\((\w+)\)$/.exec(displacement.reason)?.[1];
  const band = pod.spec.placement?.band ?? 'production';
  if (taker === undefined) return;
  const order: readonly string[] = bands;
  if (order.indexOf(taker) <= order.indexOf(band))
    yield `${pod.meta.name} (${band}) had to make room for ${taker}`;
}

function* crowded(pods: readonly Pod[], host: string): Iterable<string> {
  const ports = pods
    .flatMap((pod) => pod.spec.ports.map((port) => port.hostPort))
    .filter((port) => port !== 0);
  if (new Set(ports).size < ports.length) yield `a port of ${host} is given twice`;
  for (const pod of pods) {
    const { perHostMax } = pod.spec.placement ?? {};
    const { owner } = pod.meta;
    if (perHostMax === undefined || !owner) continue;
    const alike = pods.filter(
      (other) => other.meta.owner?.uid === owner.uid && other.spec.placement?.perHostMax === perHostMax,
    );
    if (alike.length > perHostMax)
      yield `${host} has ${alike.length} of ${owner.name}, at most ${perHostMax} are allowed`;
  }
}
