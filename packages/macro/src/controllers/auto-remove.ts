import { type Clock, codeOf, type Logger } from '@kraud/base';
import type { Pod } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';
import { runPodController } from './pod-controller.ts';

/** A volume marked so goes when the pod that owns it is gone. */
export const withOwnerAnnotation = 'kraud.dev/with-owner';

export interface AutoRemoveParts {
  readonly tables: Pick<Tables, 'pods' | 'volumes'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Removes pods that asked for it (`--rm`) once their run is over, or could not be started. */
export function runAutoRemove({ tables, ...parts }: AutoRemoveParts, signal: AbortSignal): Promise<void> {
  const { pods } = tables;
  const act = (pod: Pod): Promise<void> => remove(tables, pod);
  return runPodController({ ...parts, name: 'auto-remove', pods, isDue: removesItself, act }, signal);
}

/** The volumes are marked first, so that whoever finds them after a crash knows. */
async function remove({ pods, volumes }: AutoRemoveParts['tables'], pod: Pod): Promise<void> {
  await Promise.all(anonymousVolumes(pod).map((name) => markVolume(volumes, pod, name)));
  await pods.delete(pod.meta, { uid: pod.meta.uid });
}

async function markVolume(volumes: Tables['volumes'], pod: Pod, name: string): Promise<void> {
  try {
    await volumes.mutate({ ...pod.meta, name }, (volume) => {
      if (volume.meta.owner?.uid !== pod.meta.uid) return undefined;
      volume.meta.annotations[withOwnerAnnotation] = 'true';
      return volume;
    });
  } catch (error) {
    if (codeOf(error) !== 'not-found') throw error;
  }
}

/** Its last run is over and no other is asked for, or about to be. */
export function removesItself(pod: Pod): boolean {
  const { phase, serial } = pod.status;
  return (
    pod.spec.autoRemove &&
    pod.meta.deletedAt === undefined &&
    (phase === 'exited' || phase === 'created') &&
    serial > 0 &&
    pod.spec.run.serial === serial &&
    pod.spec.run.stop?.again !== true
  );
}

function anonymousVolumes(pod: Pod): string[] {
  return pod.spec.containers.flatMap((container) =>
    container.mounts.flatMap((mount) => (mount.type === 'volume' && mount.anonymous ? mount.volume : [])),
  );
}
