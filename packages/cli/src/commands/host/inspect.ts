import { formatBytes } from '@kraud/base';
import { formatTable } from '../../table.ts';
import { getHost, type HostView, type Output } from './view.ts';

export async function inspectHost(name: string, options: Output): Promise<void> {
  const host = await getHost(options.socket, name);
  if (options.json) return console.log(JSON.stringify(host));
  console.log(formatTable(rowsOf(host)));
}

function rowsOf(host: HostView): string[][] {
  const labels = Object.entries(host.labels).map(([key, value]) => `${key}=${value}`);
  const taints = host.taints.map(({ key, value, effect }) => `${key}=${value}:${effect}`);
  const pods = host.pods.map(({ name, phase }) => `${name} (${phase})`);
  return [
    ['host', host.name],
    ['id', host.id],
    ['state', host.lostAt === null ? host.state : `${host.state} since ${host.lostAt}`],
    ['address', host.address ?? '-'],
    ['cpus', String(host.cpus)],
    ['memory', formatBytes(host.memoryBytes)],
    ['system', `${host.operatingSystem}, ${host.kernel}, ${host.architecture}`],
    ['accelerator', `${host.accelerator.kind} (${host.accelerator.reason})`],
    ['tunnel', host.tunnel ? `${host.tunnel.kind} (${host.tunnel.reason})` : '-'],
    ['version', host.version ?? '-'],
    ['labels', labels.join(', ') || '-'],
    ['taints', taints.join(', ') || '-'],
    ['last heard', host.heartbeatAt],
    ['since', host.createdAt],
    ['pods', pods.join(', ') || '-'],
  ];
}
