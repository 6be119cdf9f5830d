import { formatBytes } from '@kraud/base';
import { askKra } from '../../kra-client.ts';
import { formatTable } from '../../table.ts';
import type { HostView, Output } from './view.ts';

/** The hosts of the cloud; the one that answers has a star. */
export async function listHosts(options: Output): Promise<void> {
  const hosts = await askKra<HostView[]>(options.socket, { method: 'GET', path: '/hosts' });
  if (options.json) return console.log(JSON.stringify(hosts));
  const rows = hosts.map((host) => [
    `${host.name}${host.self ? ' *' : ''}`,
    host.state,
    String(host.cpus),
    formatBytes(host.memoryBytes),
    String(host.pods.length),
    host.labels['kr.zone'] ?? '-',
    host.labels['kr.rack'] ?? '-',
    host.address ?? '-',
  ]);
  console.log(formatTable([['NAME', 'STATE', 'CPUS', 'MEMORY', 'PODS', 'ZONE', 'RACK', 'ADDRESS'], ...rows]));
}
