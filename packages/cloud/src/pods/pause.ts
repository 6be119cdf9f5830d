import { KraudError } from '@kraud/base';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { findPod, keyOf, mustRun } from './find.ts';

export async function pausePod(parts: CloudParts, caller: Caller, ref: string): Promise<void> {
  await switchTo(parts, caller, ref, 'paused');
}

export async function unpausePod(parts: CloudParts, caller: Caller, ref: string): Promise<void> {
  await switchTo(parts, caller, ref, 'running');
}

async function switchTo(
  parts: CloudParts,
  caller: Caller,
  ref: string,
  wanted: 'paused' | 'running',
): Promise<void> {
  const found = findPod(parts, caller, ref);
  await parts.pods.mutate(keyOf(found), (pod) => {
    if (wanted === 'paused') {
      if (pod.status.phase === 'paused')
        throw new KraudError('conflict', `Container ${ref} is already paused`);
      mustRun(pod);
    } else if (pod.status.phase !== 'paused') {
      throw new KraudError('conflict', `Container ${ref} is not paused`);
    }
    return { ...pod, spec: { ...pod.spec, run: { ...pod.spec.run, wanted } } };
  });
  await parts.pods.follow(caller.tenant, found.meta.uid, (version) => {
    if (!version || version.status.phase === 'exited') return true;
    return version.status.phase === wanted ? true : undefined;
  });
}
