import { defaultNamespace } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';
import { removeData } from './data.ts';

/** Marks an anonymous volume that goes with the pod that owns it; macro's garbage collector knows it too. */
export const withOwner = 'kraud.dev/with-owner';

/** Removes the anonymous volumes that were to go with a pod which is gone now. Safe to repeat. */
export async function removeWithOwner(parts: CloudParts, tenant: string, ownerUid: string): Promise<void> {
  for (const volume of parts.volumes.list(tenant)) {
    if (volume.meta.owner?.uid !== ownerUid || volume.meta.annotations[withOwner] !== 'true') continue;
    await removeData(parts, volume);
    await parts.volumes.delete({ tenant, namespace: defaultNamespace, name: volume.meta.name });
  }
}
