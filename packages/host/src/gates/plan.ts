import { type Pod, type PublishedPort, workloadLabels } from '@kraud/macro';

/** A pod that takes what comes in at a gate. */
export interface Backend {
  readonly uid: string;
  readonly host: string;
  readonly port: number;
}

/** A port of this host that leads to pods, wherever they run. */
export interface Gate {
  readonly protocol: 'tcp' | 'udp';
  /** An address of the loopback, or '' for all of the host. */
  readonly address: string;
  readonly port: number;
  /** Those that are ready now, in an order that all hosts agree on; may be none for a while. */
  readonly backends: readonly Backend[];
}

const loopback = ['127.0.0.1', '::1', 'localhost'];
const everywhere = ['', '0.0.0.0', '::'];

/** Names a gate: `tcp :8080`. */
export const gateKey = (gate: Pick<Gate, 'protocol' | 'address' | 'port'>): string =>
  `${gate.protocol} ${gate.address}:${gate.port}`;

/** It can be reached and wants to be: it runs, is healthy where that is asked, and was not told to stop. */
export function isReady(pod: Pod): boolean {
  const { containers } = pod.spec;
  const healthy = containers.every(({ name, health }) => {
    if (health === undefined) return true;
    return pod.status.containers.find((status) => status.name === name)?.health?.status === 'healthy';
  });
  return isWanted(pod) && pod.status.phase === 'running' && healthy;
}

function isWanted(pod: Pod): boolean {
  return pod.meta.deletedAt === undefined && pod.spec.run.wanted === 'running';
}

/**
 * The gates of host `here`. An ingress port is open on every host while any pod publishes it. A port of a single pod
 * on another host is open here too, for who calls this host instead of that one; a workload's pods keep theirs to their
 * own hosts, which is what they ask for by that mode.
 *
 * A port that a pod of this host publishes itself is that pod's: no gate is in its way.
 */
export function gatesOf(
  pods: readonly Pod[],
  here: string,
  isThere: (host: string) => boolean,
): Map<string, Gate> {
  const gates = new Map<string, Gate & { readonly backends: Backend[] }>();
  const own = new Set(pods.flatMap((pod) => ownPorts(pod, here)));
  const add = (pod: Pod, port: PublishedPort, address: string): void => {
    const gate = { protocol: port.protocol, address, port: port.hostPort, backends: [] };
    const key = gateKey(gate);
    if (port.hostPort === 0 || own.has(portKey(port))) return;
    const present = gates.get(key) ?? gate;
    gates.set(key, present);
    const host = pod.spec.host;
    if (host === undefined || !isThere(host) || !isReady(pod)) return;
    present.backends.push({ uid: pod.meta.uid, host, port: port.podPort });
  };
  for (const pod of [...pods].sort(byAge)) {
    if (!isWanted(pod)) continue;
    for (const port of pod.spec.ports) if (port.mode === 'ingress') add(pod, port, '');
    if (pod.spec.host === here || pod.meta.labels[workloadLabels.owner] !== undefined) continue;
    for (const port of hostPorts(pod)) {
      const address = loopback.includes(port.hostIp) ? '127.0.0.1' : '';
      const alone = ![...gates.values()].some(
        (gate) => gate.port === port.hostPort && gate.protocol === port.protocol,
      );
      if (alone) add(pod, port, address);
    }
  }
  return gates;
}

const portKey = ({ protocol, hostPort }: PublishedPort): string => `${protocol} ${hostPort}`;

/** What the network of the pod's host has bound for it, each port once; addresses of that host alone are left out. */
function hostPorts(pod: Pod): PublishedPort[] {
  const bound = pod.status.network?.ports ?? [];
  const seen = new Map(
    bound
      .filter(({ hostIp }) => loopback.includes(hostIp) || everywhere.includes(hostIp))
      .map((port) => [portKey(port), port]),
  );
  return [...seen.values()];
}

/** Ports that this pod has, or is about to have, of its own host `here`. */
export function ownPorts(pod: Pod, here: string): string[] {
  if (pod.spec.host !== here || pod.meta.deletedAt !== undefined) return [];
  const wanted = pod.spec.run.wanted === 'running' || pod.spec.run.wanted === 'paused';
  const ports = [...(wanted ? pod.spec.ports : []), ...(pod.status.network?.ports ?? [])];
  return ports.filter(({ mode, hostPort }) => mode !== 'ingress' && hostPort !== 0).map(portKey);
}

function byAge(a: Pod, b: Pod): number {
  const [left, right] = [`${a.meta.createdAt} ${a.meta.uid}`, `${b.meta.createdAt} ${b.meta.uid}`];
  return left < right ? -1 : 1;
}
