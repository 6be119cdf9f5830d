import { readFileSync, writeFileSync } from 'node:fs';
import { isErrno, type Logger } from '@kraud/base';
import { Subnet } from './addresses/ipv4.ts';
import { links, type Route, routes } from './kernel/facts.ts';
import { run } from './kernel/run.ts';
import { parseResolvConf, type ResolvConf } from './resolver/resolv-conf.ts';

/** The rest of the host as we find it, and the one setting of it that we change. */

const ipForward = '/proc/sys/net/ipv4/ip_forward';

/** Answers a warning when it had to be switched on. */
export function ensureForwarding(logger: Logger): string[] {
  if (readFileSync(ipForward, 'utf8').trim() === '1') return [];
  writeFileSync(ipForward, '1\n');
  const warning = 'IPv4 forwarding was off and has been switched on (net.ipv4.ip_forward=1)';
  logger.warn({}, warning);
  return [warning];
}

/**
 * True when another firewall, such as dockerd's, drops forwarded packets that it doesn't know. No rule of ours can
 * undo that, and its rules aren't ours to change.
 */
export async function foreignForwardDrop(ownTable: string): Promise<boolean> {
  const [nft, legacy] = await Promise.all([
    run('nft', ['-j', 'list', 'chains']),
    run('iptables-legacy', ['-S', 'FORWARD']).catch(() => ''),
  ]);
  return dropsForwarded(JSON.parse(nft), ownTable) || /^-P FORWARD DROP$/m.test(legacy);
}

/** Reads `nft -j list chains`: `{"nftables":[{"chain":{"family":"ip","table":"filter","hook":"forward","policy":"drop"}}]}`. */
export function dropsForwarded(listing: unknown, ownTable: string): boolean {
  const items: unknown[] = isObject(listing) && Array.isArray(listing.nftables) ? listing.nftables : [];
  return items.some((item) => {
    const chain = isObject(item) && isObject(item.chain) ? item.chain : {};
    return (
      chain.hook === 'forward' &&
      chain.policy === 'drop' &&
      (chain.family === 'ip' || chain.family === 'inet') &&
      chain.table !== ownTable
    );
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** The smaller of ours and that of the link to the outside. */
export async function uplinkMtu(mtuMax: number): Promise<number> {
  const [all, devices] = await Promise.all([routes('host'), links('host')]);
  const outside = all.find((r) => r.destination.prefix === 0)?.device;
  return Math.min(mtuMax, devices.find((l) => l.name === outside)?.mtu ?? mtuMax);
}

/** The first of the pool that neither a route nor a name server of the host lies in. */
export function freeSubnet(pool: readonly string[], taken: readonly Subnet[]): Subnet | undefined {
  return pool.map((text) => Subnet.parse(text)).find((s) => !taken.some((t) => t.overlaps(s)));
}

/** Destinations that the host already has a way to, but for the default route. */
export function takenRoutes(all: readonly Route[]): Route[] {
  return all.filter((r) => r.destination.prefix > 0);
}

export function hostResolvConf(path = '/etc/resolv.conf'): ResolvConf {
  try {
    return parseResolvConf(readFileSync(path, 'utf8'));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { servers: [], search: [], options: [] };
    throw error;
  }
}
