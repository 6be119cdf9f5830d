import type { Clock } from '@kraud/base';
import { within } from '../liveness/within.ts';

/**
 * What a guest was asked to do; `timeout` once it has taken too long over it, so that a guest that answers nothing can't
 * keep its pod's owner from ending it. Undefined when the signal aborted first: the run is over, and the answer of no interest.
 */
export async function inTime<T>(
  work: Promise<T>,
  { clock, timeoutMs, signal }: { clock: Clock; timeoutMs: number; signal: AbortSignal },
): Promise<T | undefined> {
  const over = Promise.withResolvers<undefined>();
  const onAbort = (): void => over.resolve(undefined);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  try {
    return await within(clock, timeoutMs, 'the guest did not answer', Promise.race([work, over.promise]));
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
