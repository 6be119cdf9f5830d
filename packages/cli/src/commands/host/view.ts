import { askKra } from '../../kra-client.ts';

/** A host as the daemon shows it. */
export interface HostView {
  name: string;
  id: string;
  self: boolean;
  state: string;
  address: string | null;
  cpus: number;
  memoryBytes: number;
  architecture: string;
  kernel: string;
  operatingSystem: string;
  accelerator: { kind: string; reason: string };
  tunnel: { kind: string; reason: string } | null;
  version: string | null;
  labels: Record<string, string>;
  taints: { key: string; value: string; effect: string }[];
  heartbeatAt: string;
  lostAt: string | null;
  createdAt: string;
  pods: { name: string; id: string; phase: string }[];
}

export interface Output {
  socket: string;
  json: boolean;
}

export const pathOf = (name: string): string => `/hosts/${encodeURIComponent(name)}`;

export async function getHost(socket: string, name: string): Promise<HostView> {
  return await askKra<HostView>(socket, { method: 'GET', path: pathOf(name) });
}
