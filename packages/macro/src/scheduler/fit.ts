import type { Pod } from '../model/index.ts';
import { clash, type Fleet, fixedPorts, type Load, memoryOf, wantsToRun } from './fleet.ts';

/** Why one host can't take a pod. */
export interface Misfit {
  readonly host: string;
  readonly rule: 'ready' | 'cordoned' | 'label' | 'volume' | 'memory' | 'vcpus' | 'port';
  readonly why: string;
}

/** Labels of a pod that name where it has to be; `kr.host` is a host's name, the others labels of hosts. */
const placeLabels = ['kr.host', 'kr.rack', 'kr.zone'] as const;

/**
 * Every rule that the pod breaks on this host. Room and ports only count for a pod that is to run: one that is
 * merely created gets its place, and learns at its start if a port is taken, as with Docker.
 */
export function* misfits(pod: Pod, load: Load, fleet: Fleet): Iterable<Misfit> {
  const { host } = load;
  const miss = (rule: Misfit['rule'], why: string): Misfit => ({ host: host.meta.name, rule, why });
  if (!host.status.ready) yield miss('ready', 'not ready');
  if (host.spec.cordoned) yield miss('cordoned', 'cordoned');
  for (const label of placeLabels) {
    const wanted = pod.meta.labels[label];
    if (wanted === undefined) continue;
    const has = label === 'kr.host' ? host.meta.name : host.meta.labels[label];
    if (has !== wanted) yield miss('label', `not ${label}=${wanted}`);
  }
  for (const mount of pod.spec.containers.flatMap((container) => container.mounts)) {
    if (mount.type !== 'volume') continue;
    const place = fleet.volume(pod.meta.tenant, mount.volume)?.status.host;
    if (place !== undefined && place !== host.meta.name)
      yield miss('volume', `volume ${mount.volume} is elsewhere`);
  }
  if (!wantsToRun(pod)) return;
  if (load.memoryBytes + memoryOf(pod) > load.memoryBytesMax) yield miss('memory', 'lacks memory');
  if (load.vcpus + pod.spec.vcpus > load.vcpusMax) yield miss('vcpus', 'lacks CPUs');
  for (const port of fixedPorts(pod)) {
    if (clash(port, load.ports)) yield miss('port', `port ${port.hostPort}/${port.protocol} is taken`);
  }
}
