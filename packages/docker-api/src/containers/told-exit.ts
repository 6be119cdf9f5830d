import type { Cloud, Pod } from '@kraud/cloud';
import type { Call } from '../call.ts';

/**
 * `output`, whose end comes once the end of its run is told. Clients that attach look for the exit code as soon as nothing
 * more comes, while the program's last words arrive before its exit does. A program that closes its output and goes on is waited
 * for no longer than `exitToldTimeoutMs`. Call it before the run can end.
 */
export function untilExitTold<T>(
  cloud: Pick<Cloud, 'pods'>,
  { caller, serving: { clock, limits } }: Pick<Call, 'caller' | 'serving'>,
  pod: Pod,
  output: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncIterable<T> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const told = cloud.pods.wait(caller, pod.meta.uid, 'next-exit', { signal: both }).catch(() => {});
  const end = async (): Promise<void> => {
    await Promise.race([told, clock.sleep(limits.exitToldTimeoutMs, both).catch(() => {})]);
  };
  return (async function* () {
    try {
      yield* output;
      await end();
    } finally {
      over.abort();
    }
  })();
}
