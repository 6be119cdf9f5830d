import { type Pod, workloadLabels } from '@kraud/macro';
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
  if (!isShared(pod)) return;
  await clock.sleep(limits.ingressDrainMs, signal).catch(() => {});
}

/** Others may lead connections to it: by a port of every host, or as one of several behind a service's address or name. */
function isShared({ meta, spec }: Pod): boolean {
  if (spec.ports.some(({ mode }) => mode === 'ingress')) return true;
  return (
    meta.labels[workloadLabels.owner] !== undefined && spec.networks.some(({ name }) => name !== 'default')
  );
}
