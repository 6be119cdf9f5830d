import { type Clock, codeOf, type Logger } from '@kraud/base';
import type { Pod } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';
import { afterDisplacement } from './displace.ts';
import { runPodController } from './pod-controller.ts';

export interface DisplaceParts {
  readonly tables: Pick<Tables, 'pods'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Unbinds displaced pods once their hosts have let go of them: writes what `afterDisplacement` says. */
export function runDisplacement({ tables, ...parts }: DisplaceParts, signal: AbortSignal): Promise<void> {
  const { pods } = tables;
  const act = async (pod: Pod): Promise<void> => {
    try {
      await pods.mutate(pod.meta, (present) =>
        present.meta.uid === pod.meta.uid ? afterDisplacement(present) : undefined,
      );
    } catch (error) {
      if (codeOf(error) !== 'not-found') throw error;
    }
  };
  return runPodController({ ...parts, name: 'displace', pods, isDue, act }, signal);
}

function isDue(pod: Pod): boolean {
  return afterDisplacement(structuredClone(pod)) !== undefined;
}
