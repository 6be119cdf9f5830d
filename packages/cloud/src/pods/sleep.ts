import { KraudError } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { findPod, isUp, mainContainer } from './find.ts';

/** What runs of the pod becomes a file, and goes on once somebody needs it, which may be at once. */
export async function sleepPod(parts: CloudParts, caller: Caller, ref: string): Promise<void> {
  const pod = mustBeUp(findPod(parts, caller, ref));
  await parts.hostOf(pod.spec.host).sleep(pod.meta.uid, mainContainer(pod).name);
}

/** Resolves once it runs again. One that doesn't sleep is fine. */
export async function wakePod(parts: CloudParts, caller: Caller, ref: string): Promise<void> {
  const pod = mustBeUp(findPod(parts, caller, ref));
  await parts.hostOf(pod.spec.host).wake(pod.meta.uid, mainContainer(pod).name);
}

function mustBeUp(pod: Pod): Pod {
  if (!isUp(pod)) throw new KraudError('conflict', `container ${pod.meta.name} is not running`);
  return pod;
}
