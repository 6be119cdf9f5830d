import { type Clock, KraudError } from '@kraud/base';

/**
 * What a guest was asked to do; `timeout` once it has taken too long over it, so that a guest that answers nothing can't
 * keep its pod's owner from ending it. Undefined when the signal aborted first: the run is over, and the answer of no interest.
 */
export async function inTime<T>(
  work: Promise<T>,
  { clock, timeoutMs, signal }: { clock: Clock; timeoutMs: number; signal: AbortSignal },
): Promise<T | undefined> {
  const over = new AbortController();
  const late = clock.sleep(timeoutMs, AbortSignal.any([over.signal, signal])).then(
    () => {
      throw new KraudError('timeout', `the guest did not answer within ${timeoutMs} ms`);
    },
    () => undefined,
  );
  late.catch(() => {});
  work.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}
