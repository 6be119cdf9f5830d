import { KraudError, parseBytes } from '@kraud/base';
import { askKra } from '../../kra-client.ts';
import { formatTable } from '../../table.ts';
import { type QuotaView, rowOf } from './ls.ts';

interface Limits {
  band: string;
  cpus?: string;
  memory?: string;
  pods?: string;
}

/** Replaces the limits of a band; with none given, it has none any more. */
export async function setQuota(
  tenant: string,
  limits: Limits,
  options: { socket: string; json: boolean },
): Promise<void> {
  const path = `/quotas/${encodeURIComponent(tenant)}/${encodeURIComponent(limits.band)}`;
  const view = await askKra<QuotaView>(options.socket, { method: 'PUT', path, body: parseLimits(limits) });
  if (options.json) return console.log(JSON.stringify(view));
  console.log(formatTable([['TENANT', 'BAND', 'CPUS', 'MEMORY', 'PODS'], rowOf(view)]));
}

export function parseLimits({ cpus, memory, pods }: Omit<Limits, 'band'>): QuotaView['limit'] {
  return {
    ...(cpus === undefined ? {} : { cpus: parseNumber('cpus', cpus, /^\d+(\.\d+)?$/) }),
    ...(memory === undefined ? {} : { memoryBytes: parseBytes(memory) }),
    ...(pods === undefined ? {} : { pods: parseNumber('pods', pods, /^\d+$/) }),
  };
}

function parseNumber(name: string, text: string, pattern: RegExp): number {
  if (pattern.test(text)) return Number(text);
  throw new KraudError('invalid', `invalid --${name}: '${text}'`);
}
