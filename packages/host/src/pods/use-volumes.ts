import type { Pod } from '@kraud/macro';
import type { VolumeRole } from '@kraud/volumes';
import type { PodDisks } from '../guest/bodies.ts';
import type { HostParts, HostVm } from '../parts.ts';

/**
 * A VM that has been told its disks takes its place at the pod's volumes. Resolves once it can use them and no other pod
 * fills them: an empty volume takes what an image has in its place, of one pod. The answer ends that turn, and is called
 * once the containers are set up.
 */
export async function useVolumes(
  { shares }: HostParts,
  { meta: { tenant, uid }, spec }: Pod,
  given: {
    readonly vm: HostVm;
    readonly disks: PodDisks;
    readonly roles: readonly VolumeRole[];
    /** Its disks are mounted. */
    readonly set: Promise<void>;
    /** It will soon be gone. */
    readonly brief: boolean;
  },
  signal?: AbortSignal,
): Promise<() => void> {
  const volumes = given.disks.volumes.map(({ name }) => name);
  if (volumes.length === 0) return () => {};
  const joined = given.set.then(() =>
    shares.join({ tenant, uid, vm: given.vm, volumes, brief: given.brief }, signal),
  );
  joined.catch(() => {});
  // What it has itself it can use as soon as it is told to.
  if (given.roles.includes('sharer')) await joined;
  const filled = spec.containers.flatMap(({ mounts }) =>
    mounts.flatMap((mount) => (mount.type === 'volume' && mount.copyUp ? mount.volume : [])),
  );
  return await shares.turn(tenant, [...new Set(filled)]);
}
