import { readFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { KraudError, messageOf } from '@kraud/base';
import { type CloudLimits, cloudLimits } from '@kraud/cloud';
import { type CradleLimits, cradleLimits } from '@kraud/cradle';
import { type DockerApiLimits, dockerApiLimits } from '@kraud/docker-api';
import {
  type GateLimits,
  gateLimits,
  type HostLimits,
  hostLimits,
  type ImageLinkLimits,
  imageLinkLimits,
  type LinkLimits,
  linkLimits,
  type PeerLimits,
  peerLimits,
} from '@kraud/host';
import { type ImageLimits, imageLimits, type RegistrySettings, registrySettings } from '@kraud/images';
import { type MoveLimits, moveDefaults, type SchedulerLimits, schedulerDefaults } from '@kraud/macro';
import { defaultNetworkLimits, type NetworkLimits } from '@kraud/network';
import { parse } from 'yaml';
import type { Flags } from './flags.ts';
import { type PlaceConfig, placeConfig } from './place.ts';
import { overlay } from './settings.ts';
import { type StoreLimits, type StorePlace, storeLimits, storePlace } from './store.ts';

/** Everything that the daemon was told, checked. */
export interface Config {
  readonly dataDir: string;
  /** Path of the Docker API's unix socket. */
  readonly dockerSocket: string;
  readonly logLevel: string;
  /** Where set-up put the guest's kernel and agent. */
  readonly cacheDir: string;
  readonly cradle: CradleLimits;
  readonly docker: DockerApiLimits;
  readonly gates: GateLimits;
  readonly host: HostLimits;
  readonly hosts: MoveLimits;
  readonly images: ImageLimits;
  readonly imageLink: ImageLinkLimits;
  readonly link: LinkLimits;
  readonly network: NetworkLimits;
  readonly peers: PeerLimits;
  readonly place: PlaceConfig;
  readonly pods: CloudLimits;
  readonly registries: RegistrySettings;
  readonly scheduler: SchedulerLimits;
  readonly store: StorePlace;
  readonly storeLimits: StoreLimits;
}

const logLevels = ['debug', 'info', 'warn', 'error'];
const unixPathBytesMax = 107;

/** Flags win over the file, the file over the defaults. */
export function readConfig(flags: Flags, env: NodeJS.ProcessEnv): Config {
  const file = flags.config === undefined ? {} : readTable(flags.config);
  const {
    cradle,
    docker,
    gates,
    host,
    hosts,
    images,
    imageLink,
    link,
    network,
    peers,
    pods,
    registries,
    scheduler,
    store,
    ...rest
  } = file;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) {
    throw new KraudError(
      'invalid',
      `config: unknown table '${unknown}' (known: cradle, docker, gates, host, hosts, images, imageLink, link, network, peers, pods, registries, scheduler, store)`,
    );
  }
  const dataDir = resolve(flags.dataDir ?? '/var/lib/kraud');
  const logLevel = flags.logLevel ?? 'info';
  if (!logLevels.includes(logLevel)) {
    throw new KraudError('invalid', `--log-level must be one of ${logLevels.join(', ')}, not '${logLevel}'`);
  }
  return {
    dataDir,
    dockerSocket: socketPath(flags.docker ?? `unix://${join(dataDir, 'docker.sock')}`),
    logLevel,
    cacheDir: env.KRAUD_CACHE ?? '/var/cache/kraud',
    cradle: overlay('cradle', cradleLimits, cradle),
    docker: overlay('docker', dockerApiLimits, docker),
    gates: overlay('gates', gateLimits, gates),
    host: overlay('host', hostLimits, host),
    hosts: overlay('hosts', moveDefaults, hosts),
    images: overlay('images', imageLimits, images),
    imageLink: overlay('imageLink', imageLinkLimits, imageLink),
    link: overlay('link', linkLimits, link),
    network: overlay('network', defaultNetworkLimits, network),
    peers: overlay('peers', peerLimits, peers),
    place: placeConfig(flags),
    pods: overlay('pods', cloudLimits, pods),
    registries: registryTable(registries),
    scheduler: overlay('scheduler', schedulerDefaults, scheduler),
    store: storePlace(flags, dataDir),
    storeLimits: overlay('store', storeLimits, store),
  };
}

function readTable(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new KraudError('invalid', `config file ${path} can't be read: ${messageOf(error)}`);
  }
  try {
    const value: unknown = parse(text) ?? {};
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not a table');
    return value as Record<string, unknown>;
  } catch (error) {
    throw new KraudError('invalid', `config file ${path}: ${messageOf(error)}`);
  }
}

function socketPath(address: string): string {
  const path = address.startsWith('unix://') ? address.slice('unix://'.length) : '';
  if (!isAbsolute(path)) {
    throw new KraudError('invalid', `--docker must be unix:///absolute/path.sock, not '${address}'`);
  }
  if (Buffer.byteLength(path) > unixPathBytesMax) {
    throw new KraudError(
      'invalid',
      `--docker: ${path} is longer than ${unixPathBytesMax} bytes, the most that a unix socket's path may have`,
    );
  }
  return path;
}

/** Mirrors have the registries' names as keys, so they can't be checked against defaults. */
function registryTable(given: unknown): RegistrySettings {
  if (typeof given !== 'object' || given === null || !('mirrors' in given)) {
    return overlay('registries', registrySettings, given);
  }
  const { mirrors, ...rest } = given;
  const settings = overlay('registries', registrySettings, rest);
  const table: Record<string, string[]> = {};
  if (typeof mirrors !== 'object' || mirrors === null) {
    throw new KraudError('invalid', `config: 'registries.mirrors' must be a table of lists of URLs`);
  }
  for (const [domain, urls] of Object.entries(mirrors as Record<string, unknown>)) {
    if (!Array.isArray(urls) || !urls.every((url) => typeof url === 'string' && URL.canParse(url))) {
      throw new KraudError('invalid', `config: 'registries.mirrors.${domain}' must be a list of URLs`);
    }
    table[domain] = urls as string[];
  }
  return { ...settings, mirrors: table };
}
