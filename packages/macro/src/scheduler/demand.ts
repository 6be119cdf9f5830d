import {
  anywhere,
  bands,
  type Constraint,
  type GenericResource,
  isUp,
  type Placement,
  type Pod,
  type PublishedPort,
} from '../model/index.ts';
import type { SchedulerLimits } from './limits.ts';

/** CPUs in thousandths and memory in bytes: whole numbers, so that sums never drift. */
export interface Room {
  readonly cpu: number;
  readonly memory: number;
}

/** What a pod asks of a host. */
export interface Demand {
  readonly pod: Pod;
  readonly placement: Placement;
  /** Index in `bands`. */
  readonly band: number;
  /** Room and ports only count for a pod that is to run. */
  readonly runs: boolean;
  readonly room: Room;
  readonly ports: readonly PublishedPort[];
  readonly volumes: readonly string[];
  readonly generic: readonly GenericResource[];
  /** Pods with the same owner are replicas of each other. */
  readonly owner: string | undefined;
}

export const productionBand = bands.indexOf('production');

/** Labels of a pod that name where it has to be. */
const placeLabels = ['kr.host', 'kr.rack', 'kr.zone'];
const nowhere: readonly never[] = [];

export function demandOf(pod: Pod, limits: SchedulerLimits): Demand {
  const placement = pod.spec.placement ?? anywhere;
  return {
    pod,
    placement,
    band: bands.indexOf(placement.band),
    runs: wantsToRun(pod),
    // One that sleeps is a file.
    room: pod.status.asleep ? noRoom : reservationOf(pod, limits),
    ports: pod.spec.ports.length === 0 ? nowhere : fixedPorts(pod),
    volumes: volumesOf(pod),
    generic: placement.generic ?? nowhere,
    owner: pod.meta.owner?.uid,
  };
}

const noRoom: Room = { cpu: 0, memory: 0 };

/** What is reserved for the pod while it runs: what it requests, or its VM, overcommitted. */
export function reservationOf(pod: Pod, limits: SchedulerLimits): Room {
  const requests = pod.spec.placement?.requests;
  if (requests) return { cpu: Math.ceil(requests.cpus * 1000), memory: requests.memoryBytes };
  return {
    cpu: Math.ceil((pod.spec.vcpus * 1000) / limits.vcpuOvercommit),
    memory: Math.ceil((pod.spec.memoryMiB * 1024 * 1024) / limits.memoryOvercommit),
  };
}

export function wantsToRun(pod: Pod): boolean {
  const { wanted } = pod.spec.run;
  return (wanted === 'running' || wanted === 'paused') && pod.meta.deletedAt === undefined;
}

/**
 * Only what runs, or is to run, weighs on a host: a container that was created or has exited is a few files. One that
 * is being stopped weighs until its VM has ended.
 */
export function weighs(pod: Pod): boolean {
  return wantsToRun(pod) || isUp(pod.status.phase) || pod.status.phase === 'starting';
}

/** Its room will be free without anyone's doing. */
export function isLeaving(pod: Pod): boolean {
  return !wantsToRun(pod);
}

/** The constraints of its placement and of its labels; what it has for itself is where some of that kind is. */
export function constraintsOf(pod: Pod): readonly Constraint[] {
  const { constraints: own = nowhere, generic = nowhere } = pod.spec.placement ?? {};
  const labels = placeLabels.filter((key) => pod.meta.labels[key] !== undefined);
  if (labels.length === 0 && generic.length === 0) return own;
  return [
    ...labels.map((key): Constraint => ({ key, op: 'in', values: [pod.meta.labels[key] ?? ''] })),
    ...own,
    ...generic.map(({ kind }): Constraint => ({ key: genericLabel(kind), op: 'exists', values: [] })),
  ];
}

/** A host's label that says how many of a kind it has, or which: `kr.generic.gpu=2`, `kr.generic.gpu=UUID1,UUID2`. */
export const genericLabel = (kind: string): string => `kr.generic.${kind}`;

export function imagesOf(pod: Pod): string[] {
  return pod.spec.containers.map((container) => container.image.id);
}

/** The ports that it needs of its host. An ingress port is every host's, shared by all pods of the workload. */
export function fixedPorts(pod: Pod): PublishedPort[] {
  return pod.spec.ports.filter((port) => port.hostPort !== 0 && port.mode !== 'ingress');
}

/** The port of `taken` that `port` can't share an address with. */
export function clash(port: PublishedPort, taken: readonly PublishedPort[]): PublishedPort | undefined {
  const any = (ip: string): boolean => ip === '' || ip === '0.0.0.0' || ip === '::';
  return taken.find(
    (other) =>
      other.protocol === port.protocol &&
      other.hostPort === port.hostPort &&
      (other.hostIp === port.hostIp || any(other.hostIp) || any(port.hostIp)),
  );
}

export function volumesOf(pod: Pod): readonly string[] {
  let names: string[] | undefined;
  for (const { mounts } of pod.spec.containers) {
    for (const mount of mounts) {
      if (mount.type !== 'volume') continue;
      names ??= [];
      names.push(mount.volume);
    }
  }
  return names ?? nowhere;
}
