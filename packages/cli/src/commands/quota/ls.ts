import { formatBytes } from '@kraud/base';
import { askKra } from '../../kra-client.ts';
import { formatTable } from '../../table.ts';

export interface QuotaView {
  tenant: string;
  band: string;
  limit: { cpus?: number; memoryBytes?: number; pods?: number };
  used: { cpus: number; memoryBytes: number; pods: number };
}

/** What tenants use of each band, of how much; bands that are neither limited nor used are left out. */
export async function listQuotas(options: { socket: string; json: boolean }): Promise<void> {
  const quotas = await askKra<QuotaView[]>(options.socket, { method: 'GET', path: '/quotas' });
  if (options.json) return console.log(JSON.stringify(quotas));
  const shown = quotas.filter(({ limit, used }) => used.pods > 0 || Object.keys(limit).length > 0);
  console.log(formatTable([['TENANT', 'BAND', 'CPUS', 'MEMORY', 'PODS'], ...shown.map(rowOf)]));
}

export function rowOf({ tenant, band, limit, used }: QuotaView): string[] {
  const of = (value: string, max: string | undefined): string => `${value} of ${max ?? 'any'}`;
  const bytes = limit.memoryBytes === undefined ? undefined : formatBytes(limit.memoryBytes);
  return [
    tenant,
    band,
    of(String(used.cpus), limit.cpus?.toString()),
    of(formatBytes(used.memoryBytes), bytes),
    of(String(used.pods), limit.pods?.toString()),
  ];
}
