import { messageOf } from '@kraud/base';
import type { Cloud, Pod } from '@kraud/cloud';
import type { Call } from './call.ts';
import { mainOf } from './containers/show/given.ts';

/** Notes something that only a facade knows of. Nobody waits for it, and it failing fails nothing. */
export function recordPodEvent(
  { events }: Pick<Cloud, 'events'>,
  call: Call,
  action: string,
  pod: Pod,
  more: Record<string, string> = {},
): void {
  const attributes = { ...pod.meta.labels, image: mainOf(pod).spec.image.name, name: pod.meta.name, ...more };
  events
    .record(call.caller, { type: 'container', action, actor: pod.meta.uid, attributes })
    .catch((error: unknown) => {
      call.serving.logger.warn({ action, error: messageOf(error) }, 'event not recorded');
    });
}
