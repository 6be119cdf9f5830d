import { Subnet } from '../addresses/ipv4.ts';
import { type Place, runIn } from './run.ts';

/** What is read from the kernel, by way of `ip -json`. */
export interface Link {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** Something is at its other end; of a tap: a VM. */
  readonly carries: boolean;
  /** What we wrote there: the pod's id. */
  readonly alias: string | undefined;
}

export async function links(place: Place): Promise<Link[]> {
  const rows = await json(place, ['ip', '-json', 'link', 'show']);
  return rows.map((row) => ({
    name: String(row.ifname),
    mac: String(row.address ?? ''),
    mtu: Number(row.mtu),
    up: Array.isArray(row.flags) && row.flags.includes('UP'),
    carries: Array.isArray(row.flags) && row.flags.includes('LOWER_UP'),
    alias: typeof row.ifalias === 'string' ? row.ifalias : undefined,
  }));
}

/** Where packets for a destination leave the host. */
export interface Route {
  readonly destination: Subnet;
  readonly device: string;
}

export async function routes(place: Place): Promise<Route[]> {
  const rows = await json(place, ['ip', '-json', '-4', 'route', 'show', 'table', 'all']);
  return rows.flatMap((row) => {
    const text = String(row.dst);
    const type = row.type;
    if (type === 'broadcast' || type === 'local' || type === 'multicast') return [];
    const destination = text === 'default' ? '0.0.0.0/0' : text.includes('/') ? text : `${text}/32`;
    return [{ destination: Subnet.parse(destination), device: String(row.dev ?? '') }];
  });
}

async function json(place: Place, words: readonly string[]): Promise<Record<string, unknown>[]> {
  const text = await runIn(place, words);
  return text.trim() === '' ? [] : JSON.parse(text);
}
