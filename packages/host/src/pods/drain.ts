import type { Pod } from '@kraud/macro';
import type { HostParts } from '../parts.ts';

/**
 * Resolves when no host sends new connections any more to a pod that is to stop: all have seen it by then. What they
 * have sent has that long to end.
 */
export async function untilNothingNew(
  { clock, limits }: Pick<HostParts, 'clock' | 'limits'>,
  pod: Pod,
  signal: AbortSignal,
): Promise<void> {
  if (!pod.spec.ports.some(({ mode }) => mode === 'ingress')) return;
  await clock.sleep(limits.ingressDrainMs, signal).catch(() => {});
}
