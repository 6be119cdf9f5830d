import type { PublishedPort } from './pod.ts';
import type { Workload } from './workload.ts';

/** Ports that `hostPort: 0` in ingress mode chooses from; as Swarm's. */
const firstPort = 30_000;
const lastPort = 32_767;

type IngressPort = Pick<PublishedPort, 'protocol' | 'hostPort'>;

const keyOf = ({ protocol, hostPort }: IngressPort): string => `${hostPort}/${protocol}`;

/** Whose each ingress port is, by `8080/tcp`: one workload's in the whole cloud. */
export function ingressOwners(workloads: readonly Workload[]): Map<string, Workload> {
  const owners = new Map<string, Workload>();
  const oldestFirst = [...workloads].sort((a, b) => (a.meta.createdAt < b.meta.createdAt ? -1 : 1));
  for (const workload of oldestFirst) {
    for (const port of workload.spec.template.spec.ports) {
      if (port.mode === 'ingress' && !owners.has(keyOf(port))) owners.set(keyOf(port), workload);
    }
  }
  return owners;
}

/** The workload other than `self` that has this port already. */
export function ingressOwner(
  port: IngressPort,
  workloads: readonly Workload[],
  self?: string,
): Workload | undefined {
  return ingressOwners(workloads.filter(({ meta }) => meta.uid !== self)).get(keyOf(port));
}

/** A port for `hostPort: 0` that isn't among the `taken` either; undefined when there is none. */
export function freeIngressPort(
  protocol: PublishedPort['protocol'],
  workloads: readonly Workload[],
  taken: readonly IngressPort[] = [],
): number | undefined {
  const owners = new Set([...ingressOwners(workloads).keys(), ...taken.map(keyOf)]);
  for (let hostPort = firstPort; hostPort <= lastPort; hostPort += 1) {
    if (!owners.has(keyOf({ protocol, hostPort }))) return hostPort;
  }
  return undefined;
}
