import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, KraudError } from '@kraud/base';
import { digestOf, makeKey } from './key.ts';

/** Where the hosts of a cloud find their store, and what they show it. PEM texts, not paths. */
export interface SharedStore {
  /** `etcd://h1:2379,h2:2379` */
  readonly address: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What a host that belongs to a cloud keeps of it. */
export interface SavedIdentity {
  readonly name: string;
  /** `ip:port` where it listened last. */
  readonly listen: string;
  readonly cert: string;
  /** The roots that it trusts, one after the other. */
  readonly ca: string;
  /** What tells its cloud from every other; absent in what was written before roots could be replaced. */
  readonly cloud?: string;
  /** The root that the token pinned which it joined with. */
  readonly pinned?: string;
  /** From the cloud that it joined; absent when the store is told by flags. */
  readonly store?: SharedStore;
  /** How it is to begin in the cloud; gone once that was written into its Host. */
  readonly arrival?: Arrival;
  /** It is on its way out, and belongs to nobody once the next start has finished that. */
  readonly leaving?: boolean;
}

/** What tells its cloud from every other: the digest of the first root that there was. */
export function cloudOf({ cloud, ca }: SavedIdentity): string {
  return cloud ?? digestOf(ca);
}

/** What a host is to its cloud when it has just joined. */
export interface Arrival {
  readonly manager: boolean;
  readonly cordoned: boolean;
  readonly drained: boolean;
}

/** The folder of a host's identity, readable by its owner only. Every write is whole or not at all. */
export class IdentityFiles {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** The host's private key: made once, before anyone is asked for a certificate of it. */
  async key(): Promise<string> {
    const present = await this.#read('key.pem');
    if (present !== undefined) return present;
    const key = makeKey();
    await this.write('key.pem', key);
    return key;
  }

  /** Undefined until the host has a certificate. */
  async read(): Promise<SavedIdentity | undefined> {
    const text = await this.#read('host.json');
    if (text === undefined) return undefined;
    try {
      const saved = JSON.parse(text) as SavedIdentity;
      if (typeof saved.cert === 'string' && typeof saved.ca === 'string') return saved;
    } catch (error) {
      throw new KraudError('corrupt', `${join(this.dir, 'host.json')} can’t be read`, { cause: error });
    }
    throw new KraudError('corrupt', `${join(this.dir, 'host.json')} is not a host's identity`);
  }

  async save(saved: SavedIdentity): Promise<void> {
    await this.write('host.json', `${JSON.stringify(saved, undefined, 2)}\n`);
  }

  /** The host belongs to no cloud of several any more. Its key stays: the same host may be let in again. */
  async forget(): Promise<void> {
    await rm(join(this.dir, 'host.json'), { force: true });
    await syncDir(this.dir);
  }

  /** On disk once it resolves. Answers the file's path. */
  async write(name: string, text: string): Promise<string> {
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    const path = join(this.dir, name);
    const file = await open(`${path}.new`, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
    await syncDir(this.dir);
    return path;
  }

  async #read(name: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.dir, name), 'utf8');
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }
}

/** Makes what was renamed or removed in it outlast the machine. */
async function syncDir(path: string): Promise<void> {
  const dir = await open(path, 'r');
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
}
