import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { KraudError, type Logger } from '@kraud/base';
import {
  certificatesOf,
  cloudOf,
  digestOf,
  IdentityFiles,
  joinCloud,
  mustBeNamed,
  type PeerAddress,
  parseAddress,
  parseToken,
  type SavedIdentity,
  type SharedStore,
} from '@kraud/host';
import { parseEtcdAddress } from '@kraud/macro';
import { finishLeaving } from './arrival.ts';
import type { Config } from './config.ts';
import type { StorePlace } from './store.ts';

/** Who this host is in its cloud, and where the cloud's state is. */
export interface Place {
  readonly name: string;
  /** Where other hosts reach it; absent on a cloud of one. */
  readonly listen?: PeerAddress;
  readonly store: StorePlace;
  readonly files: IdentityFiles;
  /** It has joined, and its cloud doesn’t know yet how it begins there. */
  readonly arrives: boolean;
  /** What tells the cloud that it has joined from every other. */
  readonly cloud?: string;
}

/**
 * What the flags say, else what an earlier start wrote down. With `--join`, a host that belongs to no cloud yet
 * joins one first. Nothing of the cloud is open before this is known.
 */
export async function findPlace(config: Config, logger: Logger): Promise<Place> {
  const { place, dataDir } = config;
  const files = new IdentityFiles(join(dataDir, 'identity'));
  let present = await files.read();
  if (present?.leaving) {
    await finishLeaving(files, present, dataDir);
    present = undefined;
    logger.info({}, 'left its cloud: from now on it is one of its own');
  }
  if (present && place.name !== undefined) mustBeNamed(present, place.name);
  const saved = place.join ? await joined(config, files, present, logger) : present;
  const listen = place.listen ?? (saved && parseAddress('--listen', saved.listen));
  const store = !place.storeGiven && saved?.store ? placeOf(saved.store) : config.store;
  if (listen && store.kind === 'embedded') {
    throw new KraudError(
      'invalid',
      `--listen needs a store that several hosts share: give --store etcd://…; what is in ${store.path} is moved ` +
        'there by: kra store migrate',
    );
  }
  const name = place.name ?? saved?.name ?? hostname();
  return {
    name,
    ...(listen ? { listen } : {}),
    ...(saved ? { cloud: cloudOf(saved) } : {}),
    store,
    files,
    arrives: saved?.arrival !== undefined,
  };
}

/** Joined before counts as joined, so that `--join` may stay on the command line. */
async function joined(
  { place, dataDir, peers: limits }: Config,
  files: IdentityFiles,
  present: SavedIdentity | undefined,
  logger: Logger,
): Promise<SavedIdentity | undefined> {
  const { join: invitation, listen, name = hostname() } = place;
  if (!invitation) return present;
  if (present) {
    const { authority } = parseToken(invitation.token);
    if (authority === present.pinned || certificatesOf(present.ca).map(digestOf).includes(authority)) {
      return present;
    }
    throw new KraudError(
      'conflict',
      `--join: ${dataDir} is that of the host ${present.name} of another cloud; join with an empty --data-dir`,
    );
  }
  if (place.storeGiven) {
    throw new KraudError('invalid', '--join: the cloud says where its store is; leave --store out');
  }
  if (!listen) {
    throw new KraudError('invalid', '--join needs --listen IP:PORT, where the other hosts reach this one');
  }
  if (existsSync(join(dataDir, 'store'))) {
    throw new KraudError(
      'conflict',
      `--join: ${dataDir} holds a cloud of its own; join with an empty --data-dir`,
    );
  }
  const saved = await joinCloud(invitation, { name, listen }, { files, limits });
  logger.info({ host: name, by: invitation.address }, 'joined the cloud');
  return saved;
}

export function placeOf({ address, ca, cert, key }: SharedStore): StorePlace & { kind: 'etcd' } {
  const tls = ca !== undefined && {
    ca: Buffer.from(ca),
    ...(cert !== undefined && key !== undefined ? { cert: Buffer.from(cert), key: Buffer.from(key) } : {}),
  };
  return { kind: 'etcd', address, tls: tls || undefined };
}

/** What a joiner is given of it. */
export function sharedStoreOf(store: StorePlace & { kind: 'etcd' }): SharedStore {
  const { address, tls } = store;
  return {
    address,
    ...(tls ? { ca: tls.ca.toString() } : {}),
    ...(tls?.cert && tls.key ? { cert: tls.cert.toString(), key: tls.key.toString() } : {}),
  };
}

/** Why nobody can join, though this host listens: the store is where only this machine reaches it. */
export function joinObstacle({ listen, store }: Place): string | undefined {
  if (store.kind === 'embedded' || !listen || isLoopback(listen.ip)) return undefined;
  const { endpoints } = parseEtcdAddress(store.address);
  const local = endpoints.find((endpoint) => isLoopback(endpoint.replace(/:\d+$/, '')));
  if (local === undefined) return undefined;
  return `other machines can’t reach the store at ${local}; start kraudd with --store and an address that all have`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host.startsWith('127.') || host === '::1' || host === '[::1]';
}
