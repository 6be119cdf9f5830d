import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { KraudError, silentLogger, systemClock, systemRandom } from '@kraud/base';
import { migrateStore, type Store } from '@kraud/macro';
import type { Flags } from './flags.ts';
import { claimDataDir, instanceId } from './instance.ts';
import { openStore, storeLimits, storePlace } from './store.ts';

type TlsFlags = Pick<Flags, 'storeCa' | 'storeCert' | 'storeKey'>;

/** A store that nobody else uses as long as this one has it. */
interface Side extends AsyncDisposable {
  readonly name: string;
  /** Of the data directory whose lock this is: its daemon is known not to run. */
  readonly instance?: string;
  open(): Promise<Store>;
}

/**
 * Moves a cloud's state from one place to another; each is a data directory or `etcd://…`. Refused while a daemon runs
 * on either, and if the target holds a cloud. Answers the number of keys.
 */
export async function migrate(options: {
  readonly from: string;
  readonly to: string;
  readonly tls: TlsFlags;
  readonly progress: (keys: number) => void;
}): Promise<number> {
  const { from, to, tls, progress } = options;
  if (!isEtcd(from) && !existsSync(join(from, 'store'))) {
    throw new KraudError('not-found', `${resolve(from)} holds no state of a cloud`);
  }
  if (!isEtcd(from) && !isEtcd(to) && resolve(from) === resolve(to)) {
    throw new KraudError('invalid', '--from and --to are the same');
  }
  if (Object.keys(tls).length > 0 && !isEtcd(from) && !isEtcd(to)) {
    throw new KraudError('invalid', '--store-ca, --store-cert and --store-key are for etcd://…');
  }
  await using source = await sideOf(from, tls);
  await using target = await sideOf(to, tls);
  await using fromStore = await source.open();
  await using toStore = await target.open();
  return await migrateStore(fromStore, toStore, {
    toName: target.name,
    isDead: (value) => {
      if (source.instance !== undefined) return true;
      // Leases name the instance that holds them: of a host that moves off a cluster it had for itself.
      return target.instance !== undefined && value.includes(target.instance);
    },
    progress,
  });
}

async function sideOf(place: string, tls: TlsFlags): Promise<Side> {
  const parts = { clock: systemClock, random: systemRandom, logger: silentLogger };
  if (isEtcd(place)) {
    return {
      name: place,
      open: () => openStore(storePlace({ store: place, ...tls }, ''), storeLimits, parts),
      [Symbol.asyncDispose]: async () => {},
    };
  }
  const dataDir = resolve(place);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const instance = instanceId(dataDir);
  const release = await claimDataDir(dataDir, instance);
  return {
    name: dataDir,
    instance,
    open: () => openStore(storePlace({}, dataDir), storeLimits, parts),
    [Symbol.asyncDispose]: async () => release(),
  };
}

function isEtcd(place: string): boolean {
  return place.startsWith('etcd:');
}
