import { KraudError } from '@kraud/base';
import { type Pod, restartStep } from '@kraud/macro';
import { parseSignal } from '../admission/signals.ts';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { findPod, isUp, keyOf, mainContainer } from './find.ts';

export const sigkill = 9;

/** Sends a signal now. One that ends it counts as the user's stop: no restart policy brings it back. */
export async function killPod(
  parts: CloudParts,
  caller: Caller,
  ref: string,
  signalText: string,
  signalled: (pod: Pod, signal: number) => Promise<void>,
): Promise<void> {
  const signal = parseSignal(signalText || 'SIGKILL');
  const pod = findPod(parts, caller, ref);
  const betweenRuns = pod.status.phase === 'restarting' || restartStep(pod).step === 'wait';
  if (!isUp(pod) && !betweenRuns) {
    throw new KraudError(
      'conflict',
      `cannot kill container: ${ref}: container ${pod.meta.uid} is not running`,
    );
  }
  const container = mainContainer(pod);
  if (signal === sigkill || signal === container.stopSignal) {
    await parts.pods.mutate(keyOf(pod), (present) => ({
      ...present,
      spec: { ...present.spec, run: { ...present.spec.run, stoppedByUser: true } },
    }));
  }
  // There is no process to signal: no further run begins.
  if (betweenRuns) return;
  await parts.hostOf(pod.spec.host).kill(pod.meta.uid, container.name, signal);
  await signalled(pod, signal);
  if (signal === sigkill) {
    await parts.pods.follow(caller.tenant, pod.meta.uid, (version) =>
      !version || version.status.serial > pod.status.serial || !isUp(version) ? true : undefined,
    );
  }
}
