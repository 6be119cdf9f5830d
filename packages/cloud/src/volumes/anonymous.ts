import { defaultNamespace } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';

export const withOwner = 'kraud.dev/with-owner';

/** Removes the anonymous volumes that were to go with a pod which is gone now. Safe to repeat. */
export async function removeWithOwner(parts: CloudParts, tenant: string, ownerUid: string): Promise<void> {
  for (const volume of parts.volumes.list(tenant)) {
    if (volume.meta.owner?.uid !== ownerUid || volume.meta.annotations[withOwner] !== 'true') continue;
    await parts.hostOf(undefined).volumes.remove({ tenant, name: volume.meta.name });
    await parts.volumes.delete({ tenant, namespace: defaultNamespace, name: volume.meta.name });
  }
}

/** At start: what a crash between a pod's end and its volumes' end left. */
export async function sweepWithOwner(parts: CloudParts, tenant: string): Promise<void> {
  const owners = new Set<string>();
  for (const volume of parts.volumes.list(tenant)) {
    const owner = volume.meta.owner?.uid;
    if (owner && volume.meta.annotations[withOwner] === 'true' && !parts.pods.byUid(tenant, owner))
      owners.add(owner);
  }
  for (const owner of owners) await removeWithOwner(parts, tenant, owner);
}
