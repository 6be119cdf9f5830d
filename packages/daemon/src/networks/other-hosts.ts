import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Logger, Random } from '@kraud/base';
import { defaultNamespace, defaultTenant, type Tables } from '@kraud/macro';
import { type HostNetwork, type NetworkLimits, Tunnels } from '@kraud/network';
import { FarPodsFollower } from './far-pods.ts';
import { TunnelKeeper } from './tunnel-keeper.ts';

export interface OtherHostsParts {
  /** This host's. */
  readonly name: string;
  readonly instanceId: string;
  readonly dataDir: string;
  readonly cacheDir: string;
  /** Other hosts may share the store. */
  readonly isShared: boolean;
  readonly tables: Pick<Tables, 'pods' | 'networks' | 'hosts'>;
  readonly network: HostNetwork;
  readonly limits: NetworkLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface OtherHosts {
  readonly keeper: TunnelKeeper;
  /** Follows the pods of other hosts no longer. */
  readonly stop: () => void;
  /** Removes the tunnels of VPCs that are about to go. */
  readonly remove: () => Promise<void>;
}

/**
 * What joins this host's VPCs with those of others, once its networks are real: ways to their pods, and names of them.
 * Undefined for a host that is alone and always was.
 */
export async function otherHosts(parts: OtherHostsParts): Promise<OtherHosts | undefined> {
  const { name, isShared, dataDir, cacheDir, tables, network, limits, logger } = parts;
  const dir = join(dataDir, 'tunnels');
  // One that was among others may have left tunnels to them.
  if (!isShared && !existsSync(dir)) return undefined;
  const tunnels = await Tunnels.open({ ...parts, dir, programDirs: [join(cacheDir, 'bin')] });
  const { kind, reason } = tunnels.choice;
  if (isShared) logger.info({ kind, reason }, 'how containers of other hosts are reached');
  const follower = new FarPodsFollower({ name, tables, far: network.far });
  const key = { tenant: defaultTenant, namespace: defaultNamespace, name };
  const keeper = new TunnelKeeper({
    ...parts,
    tunnels,
    strangers: (tenant, host, blocks) => follower.strangers(tenant, host, blocks),
    onStrangers: (listener) => follower.onStrangers(listener),
    told: tables.hosts.get(key)?.status.tunnel,
    checkMs: limits.tunnelCheckMs,
    retryMs: limits.tunnelRetryMs,
  });
  const stop = follower.follow();
  await keeper.look();
  const remove = async (): Promise<void> => {
    for (const tenant of new Set(network.networks().map((state) => state.tenant)))
      await tunnels.remove(tenant);
  };
  return { keeper, stop, remove };
}
