import { KraudError } from '@kraud/base';
import {
  Holders,
  type VolumeDisk,
  type VolumeDriver,
  type VolumeHolder,
  type VolumeInfo,
  type VolumeKey,
  type VolumeRole,
} from '@kraud/volumes';
import { live } from './live.ts';

const idOf = ({ tenant, name }: VolumeKey): string => `${tenant}/${name}`;

/** Volumes without disks, held as real ones are. */
export class FakeVolumes implements VolumeDriver {
  readonly [live] = true;
  readonly name = 'local';
  readonly made = new Set<string>();
  #holders = new Holders();

  parseOptions() {
    return { sizeBytes: 1 };
  }

  async create(key: VolumeKey): Promise<VolumeInfo> {
    this.made.add(idOf(key));
    return await this.inspect(key);
  }

  async inspect(key: VolumeKey): Promise<VolumeInfo> {
    this.#must(key);
    return { ...key, driver: 'local', sizeBytes: 1, createdAtMs: 0, holders: this.holders(key) };
  }

  async list(): Promise<VolumeInfo[]> {
    return [];
  }

  async usage(): Promise<number> {
    return 0;
  }

  async remove(key: VolumeKey): Promise<void> {
    this.made.delete(idOf(key));
  }

  async attach(key: VolumeKey, podId: string): Promise<VolumeDisk> {
    this.#must(key);
    const { role } = this.#holders.add(key, podId);
    return { path: this.path(key), fsType: 'ext4', role };
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
    this.#holders = new Holders();
    for (const { key, ...holder } of holds) this.#holders.restore(key, holder);
  }

  path(key: VolumeKey): string {
    return `/volumes/${idOf(key)}`;
  }

  #must(key: VolumeKey): void {
    if (!this.made.has(idOf(key))) throw new KraudError('not-found', `no such volume: ${key.name}`);
  }
}
