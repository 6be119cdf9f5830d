import { defaultNamespace, mountsVolume } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';
import { removeData } from './data.ts';

/** Marks an anonymous volume that goes with the pod that owns it; macro's garbage collector knows it too. */
export const withOwner = 'kraud.dev/with-owner';

/**
 * Removes the anonymous volumes that were to go with pods which are gone now, once no other pod mounts them
 * (`--volumes-from`). Safe to repeat.
 */
export async function removeWithOwner(parts: CloudParts, tenant: string): Promise<void> {
  for (const volume of parts.volumes.list(tenant)) {
    const { owner, annotations, name } = volume.meta;
    if (!owner || annotations[withOwner] !== 'true' || parts.pods.byUid(tenant, owner.uid)) continue;
    if (parts.pods.list(tenant).some((pod) => mountsVolume(pod, name))) continue;
    await removeData(parts, volume);
    await parts.volumes.delete({ tenant, namespace: defaultNamespace, name });
  }
}
