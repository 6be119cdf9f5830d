import type { Clock, Logger } from '@kraud/base';
import type { Pod } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';
import { Controller } from './controller.ts';

export interface PodControllerParts {
  readonly name: string;
  readonly pods: Pick<Tables['pods'], 'cache'>;
  /** Whether something is to be done about the pod; it is asked again right before `act`. */
  readonly isDue: (pod: Pod) => boolean;
  readonly act: (pod: Pod) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Does one thing about every pod for which it is due, whenever a pod changes. Runs until the signal aborts. */
export async function runPodController(parts: PodControllerParts, signal: AbortSignal): Promise<void> {
  const { name, pods, isDue, act, clock, logger } = parts;
  const controller = new Controller({
    name,
    reconcile: async (uid) => {
      const pod = pods.cache.byUid(uid);
      if (pod && isDue(pod)) await act(pod);
      return undefined;
    },
    clock,
    logger,
  });
  const look = (pod: Pod | undefined): void => {
    if (pod && isDue(pod)) controller.enqueue(pod.meta.uid);
  };
  const unsubscribe = pods.cache.subscribe((changes) => {
    for (const { after } of changes) look(after);
  });
  for (const pod of pods.cache.list()) look(pod);
  await controller.run(signal);
  unsubscribe();
}
