import { KraudError, messageOf, parseDurationMs } from '@kraud/base';
import type { PodSpec } from '@kraud/macro';

/** The label by which a pod asks to fall asleep once it has been idle for so long: `5m`; `off`: never by itself. */
const sleepLabel = 'kr.sleep';

const afterMsMin = 1000;

/** What the pod's labels say of its sleep; `invalid` for one that could not sleep because of what it mounts. */
export function sleepOf(
  labels: Readonly<Record<string, string>>,
  { mounts }: Pick<PodSpec['containers'][number], 'mounts'>,
): PodSpec['sleep'] {
  const label = labels[sleepLabel];
  if (label === undefined || label === 'off') return undefined;
  const afterMs = durationMs(label);
  if (afterMs < afterMsMin) {
    throw new KraudError(
      'invalid',
      `label ${sleepLabel}=${label}: a pod is idle for ${afterMsMin} ms at least`,
    );
  }
  const shown = mounts.find(({ type }) => type === 'host' || type === 'socket');
  if (shown && 'target' in shown) {
    throw new KraudError(
      'invalid',
      `label ${sleepLabel}: a container with paths of the host (${shown.target}) can't sleep`,
    );
  }
  return { afterMs };
}

function durationMs(label: string): number {
  try {
    return parseDurationMs(label);
  } catch (error) {
    throw new KraudError('invalid', `label ${sleepLabel}: ${messageOf(error)}, or 'off'`, { cause: error });
  }
}
