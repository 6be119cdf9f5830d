import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, KraudError, type Logger } from '@kraud/base';
import { vmGroups } from '@kraud/cradle';
import { bootMs, buildFence, FenceProcess, Liveness } from '@kraud/host';
import type { Store, Tables } from '@kraud/macro';
import type { Config } from './config.ts';

const leaseTtlMsMin = 5_000;

export interface LivenessParts {
  readonly name: string;
  readonly instance: string;
  /** Other hosts may share the store, and so run what this one can't. */
  readonly isShared: boolean;
  readonly store: Store;
  readonly tables: Tables;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Takes this host's lease, under its fence where others could take its pods. It is done before anything of this host
 * is looked at, so that a daemon that comes back in time loses no pod.
 */
export async function startLiveness(config: Config, parts: LivenessParts): Promise<Liveness> {
  const { isShared: _, instance, tables, ...rest } = parts;
  const ttlMs = config.host.leaseTtlMs;
  if (ttlMs < leaseTtlMsMin) {
    throw new KraudError('invalid', `config: 'host.leaseTtlMs' must be at least ${leaseTtlMsMin}`);
  }
  const fence = await openFence(config, parts);
  const liveness = new Liveness({
    ...rest,
    instance,
    ttlMs,
    ...(fence ? { fence } : {}),
    caughtUp: (revision) => tables.pods.cache.reached(revision),
    bootMs,
  });
  await liveness.start();
  return liveness;
}

/** None where nobody shares the store, and so could run what this host can't. */
async function openFence(
  config: Config,
  { isShared, clock, logger }: LivenessParts,
): Promise<FenceProcess | undefined> {
  const dir = join(config.dataDir, 'fence');
  if (!isShared && !existsSync(dir)) return undefined;
  const [groups] = await vmGroups(join(config.dataDir, 'cradle'));
  if (groups === undefined) {
    throw new KraudError(
      'unavailable',
      'a host of a shared cloud needs control groups; this machine has none',
    );
  }
  const fence = new FenceProcess({
    program: await buildFence(join(config.cacheDir, 'fence')),
    dir,
    groups,
    clock,
    logger,
  });
  if (isShared) return fence;
  // Of a time when the store was shared.
  await fence.end();
  return undefined;
}
