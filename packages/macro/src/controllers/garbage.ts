import { codeOf } from '@kraud/base';
import type { Volume } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';
import { withOwnerAnnotation } from './auto-remove.ts';

export interface GarbageParts {
  readonly tables: Pick<Tables, 'pods' | 'volumes' | 'networks'>;
  /** Removes the volume's data and then the volume; gone already is fine. */
  readonly dropVolume: (volume: Volume) => Promise<void>;
}

/** Clears what pods left behind when something died between two steps. Safe to repeat, and to stop anywhere. */
export async function collectGarbage(parts: GarbageParts): Promise<void> {
  const { pods, volumes } = parts.tables;
  const gone = (uid: string): boolean => pods.cache.byUid(uid) === undefined;
  for (const volume of volumes.cache.list()) {
    const owner = volume.meta.owner?.uid;
    const goes =
      volume.meta.annotations[withOwnerAnnotation] === 'true' || volume.meta.deletedAt !== undefined;
    if (owner !== undefined && goes && gone(owner)) await parts.dropVolume(volume);
  }
  await releaseAddresses(parts, gone);
}

/** Addresses of pods that are gone. Judged again on the present version: an address may be given out meanwhile. */
async function releaseAddresses(parts: GarbageParts, gone: (uid: string) => boolean): Promise<void> {
  const { networks, pods } = parts.tables;
  for (const network of networks.cache.list()) {
    const orphans = Object.keys(network.status.allocations).filter(gone);
    if (orphans.length === 0) continue;
    // The pod of an address may be too new for our cache: one that was an orphan before stays one.
    await pods.cache.reached(network.meta.revision ?? 0);
    try {
      await networks.mutate(network.meta, (present) => {
        for (const uid of orphans) if (gone(uid)) delete present.status.allocations[uid];
        return present;
      });
    } catch (error) {
      if (codeOf(error) !== 'not-found') throw error;
    }
  }
}
