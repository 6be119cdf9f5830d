import { type Clock, type Logger, messageOf } from '@kraud/base';

/** Does `work` now and then every `everyMs` until the signal aborts; a failure is logged and waits its turn. */
export async function periodically(
  options: { name: string; everyMs: number; clock: Clock; logger: Logger },
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await work(signal);
    } catch (error) {
      if (!signal.aborted)
        options.logger.warn({ job: options.name, error: messageOf(error) }, 'a job failed');
    }
    await options.clock.sleep(options.everyMs, signal).catch(() => {});
  }
}
