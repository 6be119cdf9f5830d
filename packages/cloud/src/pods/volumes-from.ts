import { codeOf, KraudError, messageOf } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import type { Caller, MountDraft, PodDraft } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { findPod, mainContainer } from './find.ts';

/** The mounts of a draft with those of the pods that it takes volumes from. */
export function withVolumesFrom(
  parts: Pick<CloudParts, 'pods'>,
  caller: Caller,
  { container, volumesFrom = [] }: Pick<PodDraft, 'container' | 'volumesFrom'>,
): MountDraft[] {
  const sources = volumesFrom.map(({ ref, readOnly }) => ({ pod: sourceOf(parts, caller, ref), readOnly }));
  return inherited(container.mounts ?? [], sources);
}

/** What a draft names and isn't there makes the draft wrong: `not-found` would speak of its image. */
function sourceOf(parts: Pick<CloudParts, 'pods'>, caller: Caller, ref: string): Pod {
  try {
    return findPod(parts, caller, ref);
  } catch (error) {
    if (codeOf(error) !== 'not-found') throw error;
    throw new KraudError('invalid', messageOf(error), { cause: error });
  }
}

/**
 * Volumes and host paths of the sources, where the draft has nothing of its own by a name; a later source hides an earlier
 * one. Read-only stays so, and can be asked for.
 */
export function inherited(
  own: readonly MountDraft[],
  sources: readonly { readonly pod: Pod; readonly readOnly: boolean }[],
): MountDraft[] {
  const byTarget = new Map<string, MountDraft>();
  for (const { pod, readOnly } of sources) {
    for (const mount of mainContainer(pod).mounts) {
      if (mount.type === 'volume') {
        const { anonymous: _, ...volume } = mount;
        byTarget.set(mount.target, { ...volume, readOnly: readOnly || mount.readOnly });
      } else if (mount.type === 'host') {
        byTarget.set(mount.target, { ...mount, readOnly: readOnly || mount.readOnly });
      } else if (mount.type === 'tmpfs' && mount.volume !== undefined) {
        const { target, volume } = mount;
        const isReadOnly = readOnly || mount.options.split(',').includes('ro');
        byTarget.set(target, { type: 'volume', volume, target, readOnly: isReadOnly, copyUp: false });
      } else if (mount.type === 'socket') byTarget.set(mount.target, mount);
    }
  }
  const bare = (target: string): string => target.replace(/(.)\/+$/, '$1');
  const kept = own.filter((mount) => {
    const isAnonymous = mount.type === 'volume' && mount.volume === '';
    if (isAnonymous) return !byTarget.has(bare(mount.target));
    byTarget.delete(bare(mount.target));
    return true;
  });
  return [...byTarget.values(), ...kept];
}
