import { mountsVolume, type Volume } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';
import { withOwnerAnnotation } from './auto-remove.ts';

export interface GarbageParts {
  readonly tables: Pick<Tables, 'pods' | 'volumes'>;
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
    const { tenant, name } = volume.meta;
    const used = (): boolean =>
      pods.cache.list().some((pod) => pod.meta.tenant === tenant && mountsVolume(pod, name));
    if (owner !== undefined && goes && gone(owner) && !used()) await parts.dropVolume(volume);
  }
}
