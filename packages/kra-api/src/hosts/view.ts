import type { Host, Pod } from '@kraud/cloud';

/** A host as `kra` shows it. */
export interface HostView {
  name: string;
  id: string;
  /** The host that answered. */
  self: boolean;
  state: 'ready' | 'cordoned' | 'drained' | 'not ready' | 'lost';
  address: string | null;
  cpus: number;
  memoryBytes: number;
  architecture: string;
  kernel: string;
  operatingSystem: string;
  accelerator: { kind: string; reason: string };
  /** What encrypts between its containers and those of other hosts; null on a cloud of one. */
  tunnel: { kind: string; reason: string } | null;
  version: string | null;
  labels: Record<string, string>;
  taints: { key: string; value: string; effect: string }[];
  heartbeatAt: string;
  lostAt: string | null;
  createdAt: string;
  pods: { name: string; id: string; phase: string }[];
}

export function viewOf(host: Host, { pods, self }: { pods: readonly Pod[]; self: Host }): HostView {
  const { meta, status, spec } = host;
  return {
    name: meta.name,
    id: meta.uid,
    self: meta.uid === self.meta.uid,
    state: stateOf(host),
    address: status.address ?? null,
    cpus: status.cpus,
    memoryBytes: status.memoryBytes,
    architecture: status.architecture,
    kernel: status.kernel,
    operatingSystem: status.operatingSystem,
    accelerator: status.accelerator,
    tunnel: status.tunnel ? { kind: status.tunnel.kind, reason: status.tunnel.reason } : null,
    version: status.version ?? null,
    labels: meta.labels,
    taints: spec.taints ?? [],
    heartbeatAt: status.heartbeatAt,
    lostAt: status.lostAt ?? null,
    createdAt: meta.createdAt,
    pods: pods.map((pod) => ({ name: pod.meta.name, id: pod.meta.uid, phase: pod.status.phase })),
  };
}

function stateOf({ spec, status }: Host): HostView['state'] {
  if (!status.ready) return status.lostAt === undefined ? 'not ready' : 'lost';
  if (spec.drained) return 'drained';
  return spec.cordoned ? 'cordoned' : 'ready';
}
