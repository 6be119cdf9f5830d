import { defaultNamespace, mountsVolume, type Pod } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';
import { removeData } from './data.ts';

/** Marks an anonymous volume that goes with the pod that owns it; macro's garbage collector knows it too. */
export const withOwner = 'kraud.dev/with-owner';

/**
 * Removes the anonymous volumes that were to go with a pod which is gone now, and those that it was the last to mount of
 * a pod that went before it (`--volumes-from`). Safe to repeat.
 */
export async function removeWithOwner(parts: CloudParts, gone: Pod): Promise<void> {
  const { tenant, uid } = gone.meta;
  for (const volume of parts.volumes.list(tenant)) {
    const { owner, annotations, name } = volume.meta;
    if (!owner || annotations[withOwner] !== 'true' || parts.pods.byUid(tenant, owner.uid)) continue;
    if (owner.uid !== uid && !mountsVolume(gone, name)) continue;
    if (parts.pods.list(tenant).some((pod) => mountsVolume(pod, name))) continue;
    await removeData(parts, volume);
    await parts.volumes.delete({ tenant, namespace: defaultNamespace, name });
  }
}
