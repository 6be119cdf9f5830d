import { type Host, hostMisfit, type Pod } from '@kraud/macro';

interface Bin {
  readonly host: Host;
  cpus: number;
  memoryBytes: number;
  used: boolean;
}

/**
 * First fit decreasing, with all pods known ahead: the yardstick for packing. It respects constraints and taints, and
 * is let off everything else. Answers the hosts that it used.
 */
export function firstFitDecreasing(hosts: readonly Host[], pods: readonly Pod[]): Set<string> {
  const bins = hosts.map(
    (host): Bin => ({ host, cpus: host.status.cpus, memoryBytes: host.status.memoryBytes, used: false }),
  );
  const meanCpus = hosts.reduce((sum, host) => sum + host.status.cpus, 0) / hosts.length;
  const meanBytes = hosts.reduce((sum, host) => sum + host.status.memoryBytes, 0) / hosts.length;
  const size = (pod: Pod): number => Math.max(asks(pod).cpus / meanCpus, asks(pod).memoryBytes / meanBytes);
  const sorted = [...pods].sort((a, b) => size(b) - size(a));
  const allowed = new Map<string, boolean[]>();
  /** Pods come in falling size, so what is full for one kind stays full for the smaller ones of that kind. */
  for (const pod of sorted) {
    const { cpus, memoryBytes } = asks(pod);
    const fits = allowedFor(pod, hosts, allowed);
    const bin = bins.find(
      (each, i) => each.cpus >= cpus && each.memoryBytes >= memoryBytes && fits[i] === true,
    );
    if (!bin) continue;
    bin.cpus -= cpus;
    bin.memoryBytes -= memoryBytes;
    bin.used = true;
  }
  return new Set(bins.filter((bin) => bin.used).map((bin) => bin.host.meta.name));
}

/** What is asked for, as a share of what the used hosts have, in the resource that is scarcer. */
export function utilisation(hosts: readonly Host[], used: ReadonlySet<string>, pods: readonly Pod[]): number {
  const awake = hosts.filter((host) => used.has(host.meta.name));
  const cpus = sum(pods, (pod) => asks(pod).cpus) / sum(awake, (host) => host.status.cpus);
  const memory = sum(pods, (pod) => asks(pod).memoryBytes) / sum(awake, (host) => host.status.memoryBytes);
  return Math.max(cpus, memory);
}

function allowedFor(pod: Pod, hosts: readonly Host[], known: Map<string, boolean[]>): boolean[] {
  const { constraints = [], tolerations = [] } = pod.spec.placement ?? {};
  const key = JSON.stringify([constraints, tolerations]);
  let allowed = known.get(key);
  if (!allowed) {
    allowed = hosts.map((host) => hostMisfit(host, { constraints, tolerations }) === undefined);
    known.set(key, allowed);
  }
  return allowed;
}

function asks(pod: Pod): { cpus: number; memoryBytes: number } {
  return pod.spec.placement?.requests ?? { cpus: 0, memoryBytes: 0 };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
