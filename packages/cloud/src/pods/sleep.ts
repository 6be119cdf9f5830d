import { KraudError } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { findPod, isUp, mainContainer } from './find.ts';

/** What runs of the pod becomes a file, and goes on once somebody needs it; its status says so when this resolves. */
export async function sleepPod(parts: CloudParts, caller: Caller, ref: string): Promise<void> {
  const pod = mustBeUp(findPod(parts, caller, ref));
  const { uid } = pod.meta;
  await parts.hostOf(pod.spec.host).sleep(uid, mainContainer(pod).name);
  await parts.pods.follow(caller.tenant, uid, (version) =>
    !version || !isUp(version) || version.status.asleep ? true : undefined,
  );
}

/** Resolves once it runs again, and its status says so. One that doesn't sleep is fine. */
export async function wakePod(parts: CloudParts, caller: Caller, ref: string): Promise<void> {
  const pod = mustBeUp(findPod(parts, caller, ref));
  const { uid } = pod.meta;
  await parts.hostOf(pod.spec.host).wake(uid, mainContainer(pod).name);
  await parts.pods.follow(caller.tenant, uid, (version) => (version?.status.asleep ? undefined : true));
}

function mustBeUp(pod: Pod): Pod {
  if (!isUp(pod)) throw new KraudError('conflict', `container ${pod.meta.name} is not running`);
  return pod;
}
