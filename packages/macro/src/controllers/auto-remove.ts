import { type Clock, codeOf, type Logger } from '@kraud/base';
import type { Pod } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';
import { Controller } from './controller.ts';

/** A volume marked so goes when the pod that owns it is gone. */
export const withOwnerAnnotation = 'kraud.dev/with-owner';

export interface AutoRemoveParts {
  readonly tables: Pick<Tables, 'pods' | 'volumes'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Removes pods that asked for it (`--rm`) once their run is over, or could not be started. */
export class AutoRemove {
  readonly #parts: AutoRemoveParts;
  readonly #controller: Controller;

  constructor(parts: AutoRemoveParts) {
    this.#parts = parts;
    this.#controller = new Controller({
      name: 'auto-remove',
      reconcile: async (uid) => {
        const pod = parts.tables.pods.cache.byUid(uid);
        if (pod && removesItself(pod)) await this.#remove(pod);
        return undefined;
      },
      clock: parts.clock,
      logger: parts.logger,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { cache } = this.#parts.tables.pods;
    const look = (pod: Pod | undefined): void => {
      if (pod && removesItself(pod)) this.#controller.enqueue(pod.meta.uid);
    };
    const unsubscribe = cache.subscribe((changes) => {
      for (const { after } of changes) look(after);
    });
    for (const pod of cache.list()) look(pod);
    await this.#controller.run(signal);
    unsubscribe();
  }

  /** The volumes are marked first, so that whoever finds them after a crash knows. */
  async #remove(pod: Pod): Promise<void> {
    await Promise.all(anonymousVolumes(pod).map((name) => this.#markVolume(pod, name)));
    await this.#parts.tables.pods.delete(pod.meta, { uid: pod.meta.uid });
  }

  async #markVolume(pod: Pod, name: string): Promise<void> {
    try {
      await this.#parts.tables.volumes.mutate({ ...pod.meta, name }, (volume) => {
        if (volume.meta.owner?.uid !== pod.meta.uid) return undefined;
        volume.meta.annotations[withOwnerAnnotation] = 'true';
        return volume;
      });
    } catch (error) {
      if (codeOf(error) !== 'not-found') throw error;
    }
  }
}

/** Its last run is over and no other is asked for. */
export function removesItself(pod: Pod): boolean {
  const { phase, serial } = pod.status;
  return (
    pod.spec.autoRemove &&
    pod.meta.deletedAt === undefined &&
    (phase === 'exited' || phase === 'created') &&
    serial > 0 &&
    pod.spec.run.serial === serial
  );
}

function anonymousVolumes(pod: Pod): string[] {
  return pod.spec.containers.flatMap((container) =>
    container.mounts.flatMap((mount) => (mount.type === 'volume' && mount.anonymous ? mount.volume : [])),
  );
}
