import { KraudError } from '@kraud/base';
import type { VolumeDisk, VolumeDriver, VolumeHolder, VolumeInfo, VolumeKey } from '@kraud/volumes';
import { live } from './live.ts';

const idOf = ({ tenant, name }: VolumeKey): string => `${tenant}/${name}`;

/** Volumes without disks, with the locks of real ones. */
export class FakeVolumes implements VolumeDriver {
  readonly [live] = true;
  readonly name = 'local';
  readonly shareable = false;
  readonly holders = new Map<string, Map<string, VolumeHolder>>();

  parseOptions() {
    return { sizeBytes: 1 };
  }

  async create(key: VolumeKey): Promise<VolumeInfo> {
    if (!this.holders.has(idOf(key))) this.holders.set(idOf(key), new Map());
    return await this.inspect(key);
  }

  async inspect(key: VolumeKey): Promise<VolumeInfo> {
    const holders = [...this.#holders(key).values()];
    return { ...key, driver: 'local', sizeBytes: 1, createdAtMs: 0, holders };
  }

  async list(): Promise<VolumeInfo[]> {
    return [];
  }

  async usage(): Promise<number> {
    return 0;
  }

  async remove(key: VolumeKey): Promise<void> {
    this.holders.delete(idOf(key));
  }

  async attach(key: VolumeKey, holder: VolumeHolder): Promise<VolumeDisk> {
    const holders = this.#holders(key);
    for (const other of holders.values()) {
      if (other.podId !== holder.podId && !(other.readOnly && holder.readOnly)) {
        throw new KraudError('conflict', `volume ${key.name} is in use by ${other.podId}`);
      }
    }
    holders.set(holder.podId, holder);
    return { path: this.path(key), fsType: 'ext4', readOnly: holder.readOnly };
  }

  async detach(key: VolumeKey, podId: string): Promise<void> {
    this.holders.get(idOf(key))?.delete(podId);
  }

  async detachAll(podId: string): Promise<void> {
    for (const holders of this.holders.values()) holders.delete(podId);
  }

  async adopt(holds: readonly (VolumeHolder & { readonly key: VolumeKey })[]): Promise<void> {
    for (const holders of this.holders.values()) holders.clear();
    for (const { key, podId, readOnly } of holds) await this.attach(key, { podId, readOnly });
  }

  path(key: VolumeKey): string {
    return `/volumes/${idOf(key)}`;
  }

  #holders(key: VolumeKey): Map<string, VolumeHolder> {
    const holders = this.holders.get(idOf(key));
    if (!holders) throw new KraudError('not-found', `no such volume: ${key.name}`);
    return holders;
  }
}
