import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, KraudError, type Logger, messageOf, type Random } from '@kraud/base';
import {
  type EtcdTls,
  embeddedDefaults,
  etcdLimits,
  openEtcdStore,
  openLmdbStore,
  parseEtcdAddress,
  type Store,
} from '@kraud/macro';
import type { Flags } from './flags.ts';

/** Where the state is kept: in this machine's data directory, or in an etcd cluster that several hosts share. */
export type StorePlace =
  | { readonly kind: 'embedded'; readonly path: string }
  | { readonly kind: 'etcd'; readonly address: string; readonly tls: EtcdTls | undefined };

export const storeLimits = { embedded: embeddedDefaults, etcd: etcdLimits };
export type StoreLimits = typeof storeLimits;

type StoreFlags = Pick<Flags, 'store' | 'storeCa' | 'storeCert' | 'storeKey'>;

export function storePlace(flags: StoreFlags, dataDir: string): StorePlace {
  const { store, storeCa, storeCert, storeKey } = flags;
  if (store === undefined) {
    const given = Object.entries({
      '--store-ca': storeCa,
      '--store-cert': storeCert,
      '--store-key': storeKey,
    });
    const [alone] = given.find(([, value]) => value !== undefined) ?? [];
    if (alone !== undefined) throw new KraudError('invalid', `${alone} needs --store etcd://…`);
    return { kind: 'embedded', path: join(dataDir, 'store') };
  }
  try {
    parseEtcdAddress(store);
  } catch (error) {
    throw new KraudError('invalid', `--store: ${messageOf(error)}`);
  }
  return { kind: 'etcd', address: store, tls: tlsOf(flags) };
}

export async function openStore(
  place: StorePlace,
  limits: StoreLimits,
  parts: { clock: Clock; random: Random; logger: Logger },
): Promise<Store> {
  if (place.kind === 'embedded') {
    return openLmdbStore(place.path, { clock: parts.clock, random: parts.random, limits: limits.embedded });
  }
  return openEtcdStore({ ...parts, address: place.address, tls: place.tls, limits: limits.etcd });
}

function tlsOf(flags: StoreFlags): EtcdTls | undefined {
  const { storeCa, storeCert, storeKey } = flags;
  if ((storeCert === undefined) !== (storeKey === undefined)) {
    throw new KraudError('invalid', '--store-cert and --store-key go together');
  }
  if (storeCa === undefined) {
    if (storeCert !== undefined) throw new KraudError('invalid', '--store-cert needs --store-ca');
    return undefined;
  }
  return {
    ca: pem('--store-ca', storeCa),
    ...(storeCert === undefined ? {} : { cert: pem('--store-cert', storeCert) }),
    ...(storeKey === undefined ? {} : { key: pem('--store-key', storeKey) }),
  };
}

function pem(flag: string, path: string): Buffer {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    throw new KraudError('invalid', `${flag}: ${path} can't be read: ${messageOf(error)}`);
  }
  if (!content.includes('-----BEGIN ')) throw new KraudError('invalid', `${flag}: ${path} is not PEM`);
  return content;
}
