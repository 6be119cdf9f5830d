import { codeOf, KraudError } from '@kraud/base';
import { defaultNamespace, type Pod, restartStep } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { removeWithOwner, withOwner } from '../volumes/anonymous.ts';
import { findPod, isUp, keyOf, mainContainer } from './find.ts';

/** Removes a pod; what runs is only removed by force. Resolves when nothing of it is left. */
export async function removePod(
  parts: CloudParts,
  caller: Caller,
  ref: string,
  options: { force: boolean; volumes: boolean },
): Promise<void> {
  const pod = findPod(parts, caller, ref);
  if (!options.force) refuseRunning(pod);
  if (pod.meta.deletedAt !== undefined && !options.force) {
    throw new KraudError('conflict', `removal of container ${ref} is already in progress`);
  }
  if (options.volumes) await markVolumes(parts, pod);
  await parts.pods.delete(keyOf(pod));
  await parts.pods.follow(caller.tenant, pod.meta.uid, (version) => {
    if (!version) return true;
    if (version.status.phase === 'dead') throw new KraudError('internal', version.status.message);
    return undefined;
  });
  if (options.volumes) await removeWithOwner(parts, pod);
}

function refuseRunning(pod: Pod): void {
  // One whose end its restart policy hasn't looked at yet is on its way to the next run.
  const phase = restartStep(pod).step === 'wait' ? 'restarting' : pod.status.phase;
  if (phase === 'paused') {
    throw new KraudError(
      'conflict',
      `cannot remove container "/${pod.meta.name}": container is paused and must be unpaused first`,
    );
  }
  if (isUp(pod) || phase === 'starting' || phase === 'restarting') {
    const state = phase === 'restarting' ? 'restarting' : 'running';
    throw new KraudError(
      'conflict',
      `cannot remove container "/${pod.meta.name}": container is ${state}: stop the container before removing or force remove`,
    );
  }
}

/** Written before the pod goes, so that a crash in between doesn't leave them. */
async function markVolumes(parts: CloudParts, pod: Pod): Promise<void> {
  for (const mount of mainContainer(pod).mounts) {
    if (mount.type !== 'volume') continue;
    const key = { tenant: pod.meta.tenant, namespace: defaultNamespace, name: mount.volume };
    try {
      await parts.volumes.mutate(key, (volume) => {
        const { owner, annotations } = volume.meta;
        // Of `--volumes-from`: its owner went before and left it.
        const isLeft = volume.spec.anonymous && owner && !parts.pods.byUid(pod.meta.tenant, owner.uid);
        if (!mount.anonymous && !isLeft) return undefined;
        return { ...volume, meta: { ...volume.meta, annotations: { ...annotations, [withOwner]: 'true' } } };
      });
    } catch (error) {
      if (codeOf(error) !== 'not-found') throw error;
    }
  }
}
