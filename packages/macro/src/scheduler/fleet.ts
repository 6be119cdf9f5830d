import type { Host, Pod, PublishedPort, Volume } from '../model/index.ts';
import type { Observed, SchedulerLimits } from './plan.ts';

/** What a host has promised already. */
export interface Load {
  readonly host: Host;
  memoryBytes: number;
  vcpus: number;
  readonly memoryBytesMax: number;
  readonly vcpusMax: number;
  readonly ports: PublishedPort[];
}

/** Hosts with what they carry, in the order of their names. */
export class Fleet {
  readonly #loads = new Map<string, Load>();
  readonly #volumes = new Map<string, Volume>();

  constructor(seen: Observed, limits: SchedulerLimits) {
    const hosts = [...seen.hosts].sort((a, b) => (a.meta.name < b.meta.name ? -1 : 1));
    for (const host of hosts) {
      this.#loads.set(host.meta.name, {
        host,
        memoryBytes: 0,
        vcpus: 0,
        memoryBytesMax: host.status.memoryBytes * limits.memoryOvercommit,
        vcpusMax: host.status.cpus * limits.vcpuOvercommit,
        ports: [],
      });
    }
    for (const volume of seen.volumes)
      this.#volumes.set(volumeKey(volume.meta.tenant, volume.meta.name), volume);
    for (const pod of seen.pods) if (pod.spec.host !== undefined) this.add(pod.spec.host, pod);
  }

  loads(): Iterable<Load> {
    return this.#loads.values();
  }

  load(host: string): Load | undefined {
    return this.#loads.get(host);
  }

  volume(tenant: string, name: string): Volume | undefined {
    return this.#volumes.get(volumeKey(tenant, name));
  }

  /** Only what runs, or is to run, weighs on a host: a container that was created or has exited is a few files. */
  add(host: string, pod: Pod): void {
    const load = this.#loads.get(host);
    if (!load || !wantsToRun(pod)) return;
    load.memoryBytes += memoryOf(pod);
    load.vcpus += pod.spec.vcpus;
    load.ports.push(...fixedPorts(pod));
  }
}

export function wantsToRun(pod: Pod): boolean {
  const { wanted } = pod.spec.run;
  return (wanted === 'running' || wanted === 'paused') && pod.meta.deletedAt === undefined;
}

export function memoryOf(pod: Pod): number {
  return pod.spec.memoryMiB * 1024 * 1024;
}

/** Ports that one pod alone can have on a host. Ingress ports are every host's, whatever runs there. */
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

function volumeKey(tenant: string, name: string): string {
  return `${tenant}/${name}`;
}
