import { KraudError } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import { parseSignal } from '../admission/signals.ts';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { findPod, isUp, keyOf, mainContainer } from './find.ts';

export interface StopOptions {
  signal?: string;
  timeoutMs?: number;
  /** A start follows. */
  again?: boolean;
}

/** Asks the present run to end, with a signal and then by force, and waits until it has. `signalled`: it was asked. */
export async function stopPod(
  parts: CloudParts,
  caller: Caller,
  ref: string,
  options: StopOptions,
  signalled: (pod: Pod, signal: number) => Promise<void>,
): Promise<void> {
  const found = findPod(parts, caller, ref);
  const signal = options.signal ? parseSignal(options.signal) : undefined;
  await parts.pods.mutate(keyOf(found), (pod) => {
    const going = isUp(pod) || pod.status.phase === 'starting' || pod.status.phase === 'restarting';
    const asked = pod.spec.run.wanted === 'running' && pod.spec.run.serial > pod.status.serial;
    if (!going && !asked) throw new KraudError('unchanged', `container ${pod.meta.uid} is not running`);
    return {
      ...pod,
      spec: {
        ...pod.spec,
        run: {
          wanted: 'stopped',
          serial: pod.spec.run.serial,
          stop: {
            ...(signal !== undefined ? { signal } : {}),
            ...(options.timeoutMs !== undefined ? { timeoutMs: options.timeoutMs } : {}),
            ...(options.again ? { again: true } : {}),
          },
          stoppedByUser: true,
        },
      },
    };
  });
  if (isUp(found)) await signalled(found, signal ?? mainContainer(found).stopSignal);
  await waitForEnd(parts, found);
}

export async function waitForEnd(parts: CloudParts, pod: Pod): Promise<void> {
  await parts.pods.follow(pod.meta.tenant, pod.meta.uid, (version) => {
    if (!version) return true;
    const { phase, serial } = version.status;
    if (phase === 'exited' || phase === 'removing' || phase === 'dead') return true;
    if (phase === 'created')
      return serial >= version.spec.run.serial || version.spec.run.wanted !== 'running' ? true : undefined;
    return undefined;
  });
}
