import { type Clock, KraudError } from '@kraud/base';

/** The outcome of `work`, or `timeout` if there is none within `ms`; what it does later is nobody's business. */
export async function within<T>(clock: Clock, ms: number, late: string, work: Promise<T>): Promise<T> {
  const done = new AbortController();
  const timeout = clock.sleep(ms, done.signal).then(() => {
    throw new KraudError('timeout', `${late} within ${ms} ms`);
  });
  timeout.catch(() => {});
  work.catch(() => {});
  try {
    return await Promise.race([work, timeout]);
  } finally {
    done.abort();
  }
}
