import type { Host, Network } from '@kraud/macro';
import type { TunnelPeer } from '@kraud/network';

export interface TunnelWorld {
  readonly tenant: string;
  /** This host's name. */
  readonly here: string;
  /** The tenant's. */
  readonly networks: readonly Network[];
  readonly hosts: readonly Host[];
  /** Addresses of a host's pods that are in none of its blocks. */
  readonly strangers: (host: string, blocks: readonly string[]) => readonly string[];
}

/**
 * To which hosts a tenant's tunnel leads from here: those that have a slice of a network of which this host has one.
 * Undefined when there is none; a host that has no end of its own yet is left out until it has.
 */
export function planTunnel(world: TunnelWorld): TunnelPeer[] | undefined {
  const { tenant, here, hosts, strangers } = world;
  const networks = world.networks.filter(({ status }) => status.slices?.[here] !== undefined);
  const others = hosts
    .filter(({ meta }) => meta.name !== here)
    .map((host) => ({
      host,
      blocks: networks.flatMap(({ status }) => status.slices?.[host.meta.name] ?? []),
    }))
    .filter(({ blocks }) => blocks.length > 0);
  if (others.length === 0) return undefined;
  const peers = others.flatMap(({ host, blocks }): TunnelPeer[] => {
    const { address, tunnel } = host.status;
    const end = tunnel?.ends[tenant];
    if (!end || address === undefined) return [];
    const ip = address.slice(0, address.lastIndexOf(':'));
    const single = strangers(host.meta.name, blocks).map((ipv4) => `${ipv4}/32`);
    return [{ key: end.key, endpoint: `${ip}:${end.port}`, blocks: [...blocks, ...single].sort() }];
  });
  return peers.sort((a, b) => (a.key < b.key ? -1 : 1));
}
