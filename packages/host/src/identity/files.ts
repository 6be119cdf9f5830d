import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, KraudError } from '@kraud/base';
import { makeKey } from './key.ts';

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
  readonly ca: string;
  /** From the cloud that it joined; absent when the store is told by flags. */
  readonly store?: SharedStore;
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

  /** Answers the file's path. */
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
