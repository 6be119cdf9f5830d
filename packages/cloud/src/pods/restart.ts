import { codeOf } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { startPod } from './start.ts';
import { type StopOptions, stopPod } from './stop.ts';

export async function restartPod(
  parts: CloudParts,
  caller: Caller,
  ref: string,
  options: StopOptions,
  told: {
    signalled: (pod: Pod, signal: number) => Promise<void>;
    stopped: () => Promise<void>;
  },
): Promise<void> {
  try {
    await stopPod(parts, caller, ref, { ...options, again: true }, told.signalled);
    await told.stopped();
  } catch (error) {
    if (codeOf(error) !== 'unchanged') throw error;
  }
  try {
    await startPod(parts, caller, ref);
  } catch (error) {
    if (codeOf(error) !== 'unchanged') throw error;
  }
}
