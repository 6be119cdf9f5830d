import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Clock,
  codeOf,
  formatBytes,
  isErrno,
  KeyedLock,
  KraudError,
  type Logger,
  messageOf,
  parseBytes,
  type Random,
  systemClock,
  systemRandom,
} from '@kraud/base';
import type {
  VolumeDisk,
  VolumeDriver,
  VolumeHolder,
  VolumeInfo,
  VolumeKey,
  VolumeRole,
} from './contract.ts';
import { defaultVolumeLimits, type VolumeLimits } from './defaults.ts';
import { Ext4Maker } from './ext4.ts';
import { Holders } from './holders.ts';
import { checkName, keyText } from './names.ts';

interface VolumeRecord {
  readonly sizeBytes: number;
  readonly createdAtMs: number;
}

/**
 * Local block volumes: each an ext4 in a sparse file, attached to a VM as a disk. The host reads and writes the file
 * only before a guest has ever seen it, and never mounts it.
 *
 * ```
 * DIR/TENANT/NAME/disk.img     a volume is there when its folder is
 * DIR/TENANT/NAME/volume.json  {"sizeBytes": …, "createdAtMs": …}
 * DIR/.making/…  DIR/.removing/…   swept when opened
 * DIR/.template-….img
 * ```
 *
 * A volume is made in `.making` and moved to its place, and moved to `.removing` before its files go: it is there or
 * not, whenever the power fails.
 */
export class LocalBlockVolumes implements VolumeDriver {
  readonly name = 'lv';
  readonly #dir: string;
  readonly #limits: VolumeLimits;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #maker: Ext4Maker;
  readonly #holders = new Holders();
  readonly #lock = new KeyedLock();

  private constructor(options: LocalBlockVolumesOptions) {
    this.#dir = options.dir;
    this.#limits = { ...defaultVolumeLimits, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#log = options.logger.child({ part: 'volumes' });
    const { sizeBytesDefault: sizeBytes, dataDiskBytes } = this.#limits;
    this.#maker = new Ext4Maker({
      dataDiskBytes,
      template: { path: join(this.#dir, `.template-1-${sizeBytes}.img`), sizeBytes },
      random: this.#random,
    });
  }

  /** Sweeps what a crash has left half made or half removed. */
  static async open(options: LocalBlockVolumesOptions): Promise<LocalBlockVolumes> {
    const volumes = new LocalBlockVolumes(options);
    for (const part of ['.making', '.removing']) {
      await rm(join(options.dir, part), { recursive: true, force: true });
      await mkdir(join(options.dir, part), { recursive: true, mode: 0o700 });
    }
    await volumes.#maker.prepare();
    return volumes;
  }

  parseOptions(options: Readonly<{ [name: string]: string }>): { sizeBytes: number } {
    for (const name of Object.keys(options)) {
      if (name === 'size') continue;
      const known = ['type', 'o', 'device'].includes(name);
      throw new KraudError(
        known ? 'unsupported' : 'invalid',
        known
          ? `volume option '${name}' is not supported: a local volume is a disk of its own (supported: size)`
          : `invalid option: "${name}" (supported: size)`,
      );
    }
    const sizeBytes = options.size === undefined ? this.#limits.sizeBytesDefault : parseBytes(options.size);
    return { sizeBytes: this.#checkSize(sizeBytes) };
  }

  create(key: VolumeKey, options: { readonly sizeBytes?: number } = {}): Promise<VolumeInfo> {
    checkName(key.name);
    const sizeBytes = this.#checkSize(options.sizeBytes ?? this.#limits.sizeBytesDefault);
    return this.#lock.run(keyText(key), async () => {
      const present = await this.#read(key);
      if (present && present.sizeBytes !== sizeBytes) {
        throw new KraudError(
          'exists',
          `volume ${key.name} exists with another size (${formatBytes(present.sizeBytes)})`,
        );
      }
      const record = present ?? (await this.#make(key, sizeBytes));
      return this.#info(key, record);
    });
  }

  async inspect(key: VolumeKey): Promise<VolumeInfo> {
    return this.#info(key, await this.#must(key));
  }

  async list(tenant?: string): Promise<VolumeInfo[]> {
    const tenants = tenant === undefined ? await names(this.#dir) : [tenant];
    const found: VolumeInfo[] = [];
    for (const t of tenants) {
      for (const name of await names(join(this.#dir, t))) {
        const key = { tenant: t, name };
        const record = await this.#read(key).catch((error: unknown) => {
          this.#log.warn({ volume: keyText(key), error: messageOf(error) }, 'volume cannot be read');
          return undefined;
        });
        if (record) found.push(this.#info(key, record));
      }
    }
    return found;
  }

  async usage(key: VolumeKey): Promise<number> {
    await this.#must(key);
    return (await stat(this.path(key))).blocks * 512;
  }

  remove(key: VolumeKey): Promise<void> {
    return this.#lock.run(keyText(key), async () => {
      // One whose record is broken can be removed too.
      await this.#must(key).catch((error: unknown) => {
        if (codeOf(error) !== 'corrupt') throw error;
      });
      const holders = this.#holders.of(key).map((h) => h.podId);
      if (holders.length > 0) {
        throw new KraudError('conflict', `volume ${key.name} is in use - [${holders.join(', ')}]`);
      }
      const grave = join(this.#dir, '.removing', this.#random.bytes(8).toString('hex'));
      await rename(this.#folder(key), grave);
      await syncFolder(join(this.#dir, key.tenant));
      await rm(grave, { recursive: true, force: true });
    });
  }

  attach(key: VolumeKey, podId: string): Promise<VolumeDisk> {
    return this.#lock.run(keyText(key), async () => {
      await this.#must(key);
      const { role } = this.#holders.add(key, podId);
      return { path: this.path(key), fsType: 'ext4', role };
    });
  }

  holders(key: VolumeKey): readonly VolumeHolder[] {
    return this.#holders.of(key);
  }

  setRole(key: VolumeKey, podId: string, role: VolumeRole): void {
    this.#holders.setRole(key, podId, role);
  }

  async detach(key: VolumeKey, podId: string): Promise<void> {
    this.#holders.remove(key, podId);
  }

  async detachAll(podId: string): Promise<void> {
    this.#holders.removeAll(podId);
  }

  async adopt(holds: readonly (VolumeHolder & { readonly key: VolumeKey })[]): Promise<void> {
    for (const { key, ...holder } of holds) this.#holders.restore(key, holder);
  }

  path(key: VolumeKey): string {
    return join(this.#folder(key), 'disk.img');
  }

  #folder(key: VolumeKey): string {
    checkName(key.name);
    return join(this.#dir, ...keyText(key).split('/'));
  }

  #checkSize(sizeBytes: number): number {
    const { sizeBytesMin, sizeBytesMax } = this.#limits;
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < sizeBytesMin || sizeBytes > sizeBytesMax) {
      throw new KraudError(
        'invalid',
        `invalid volume size: it must be from ${formatBytes(sizeBytesMin)} to ${formatBytes(sizeBytesMax)}`,
      );
    }
    return sizeBytes;
  }

  async #make(key: VolumeKey, sizeBytes: number): Promise<VolumeRecord> {
    const record = { sizeBytes, createdAtMs: this.#clock.now() };
    const making = join(this.#dir, '.making', this.#random.bytes(8).toString('hex'));
    try {
      await mkdir(making, { mode: 0o700 });
      await this.#maker.create(join(making, 'disk.img'), sizeBytes);
      await writeFile(join(making, 'volume.json'), JSON.stringify(record), { flush: true });
      await syncFolder(making);
      await mkdir(join(this.#dir, key.tenant), { recursive: true, mode: 0o700 });
      await rename(making, this.#folder(key));
    } catch (error) {
      await rm(making, { recursive: true, force: true });
      throw error;
    }
    await syncFolder(join(this.#dir, key.tenant));
    await syncFolder(this.#dir);
    return record;
  }

  #info(key: VolumeKey, record: VolumeRecord): VolumeInfo {
    const { tenant, name } = key;
    return { tenant, name, driver: this.name, ...record, holders: this.#holders.of(key) };
  }

  async #must(key: VolumeKey): Promise<VolumeRecord> {
    const record = await this.#read(key);
    if (!record) throw new KraudError('not-found', `get ${key.name}: no such volume`);
    return record;
  }

  async #read(key: VolumeKey): Promise<VolumeRecord | undefined> {
    const path = join(this.#folder(key), 'volume.json');
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    const { sizeBytes, createdAtMs } = parseRecord(text, path);
    return { sizeBytes, createdAtMs };
  }
}

export interface LocalBlockVolumesOptions {
  readonly dir: string;
  readonly logger: Logger;
  readonly limits?: Partial<VolumeLimits>;
  readonly clock?: Clock;
  readonly random?: Random;
}

function parseRecord(text: string, path: string): VolumeRecord {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'sizeBytes' in value && 'createdAtMs' in value) {
      const { sizeBytes, createdAtMs } = value;
      if (typeof sizeBytes === 'number' && typeof createdAtMs === 'number') return { sizeBytes, createdAtMs };
    }
  } catch (cause) {
    throw new KraudError('corrupt', `${path} is not JSON`, { cause });
  }
  throw new KraudError('corrupt', `${path} is not a volume's record`);
}

/** Folders in a folder, but those that are ours. */
async function names(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  return entries
    .filter((e) => e.isDirectory() && !e.name.startsWith('.'))
    .map((e) => e.name)
    .sort();
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}
