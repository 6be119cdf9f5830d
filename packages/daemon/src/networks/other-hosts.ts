import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Logger, Random } from '@kraud/base';
import { defaultNamespace, defaultTenant, type Tables } from '@kraud/macro';
import { type HostNetwork, type NetworkLimits, Tunnels } from '@kraud/network';
import type { FarPodsFollower } from './far-pods.ts';
import { TunnelKeeper } from './tunnel-keeper.ts';

export interface OtherHostsParts {
  /** This host's. */
  readonly name: string;
  readonly instanceId: string;
  readonly dataDir: string;
  readonly cacheDir: string;
  /** Other hosts may share the store. */
  readonly isShared: boolean;
  readonly tables: Pick<Tables, 'networks' | 'hosts'>;
  readonly network: Pick<HostNetwork, 'networks'>;
  readonly farPods: FarPodsFollower;
  readonly limits: NetworkLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface OtherHosts {
  readonly keeper: TunnelKeeper;
  /** Removes the tunnels of VPCs that are about to go. */
  readonly remove: () => Promise<void>;
}

/**
 * What joins this host's VPCs with those of others, once its networks are real.
 * Undefined for a host that is alone and always was.
 */
export async function otherHosts(parts: OtherHostsParts): Promise<OtherHosts | undefined> {
  const { name, isShared, dataDir, cacheDir, tables, network, farPods, limits, logger } = parts;
  const dir = join(dataDir, 'tunnels');
  // One that was among others may have left tunnels to them.
  if (!isShared && !existsSync(dir)) return undefined;
  const tunnels = await Tunnels.open({ ...parts, dir, programDirs: [join(cacheDir, 'bin')] });
  const { kind, reason } = tunnels.choice;
  if (isShared) logger.info({ kind, reason }, 'how containers of other hosts are reached');
  const key = { tenant: defaultTenant, namespace: defaultNamespace, name };
  const keeper = new TunnelKeeper({
    ...parts,
    tunnels,
    strangers: (tenant, host, blocks) => farPods.strangers(tenant, host, blocks),
    onStrangers: (listener) => farPods.onStrangers(listener),
    told: tables.hosts.get(key)?.status.tunnel,
    checkMs: limits.tunnelCheckMs,
    retryMs: limits.tunnelRetryMs,
  });
  await keeper.look();
  const remove = async (): Promise<void> => {
    for (const tenant of new Set(network.networks().map((state) => state.tenant)))
      await tunnels.remove(tenant);
  };
  return { keeper, remove };
}
