import { codeOf, KraudError } from '@kraud/base';
import { checkPodName } from '../admission/names.ts';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { refuseTaken } from './create.ts';
import { findPod, keyOf } from './find.ts';

export async function renamePod(parts: CloudParts, caller: Caller, ref: string, name: string): Promise<void> {
  const pod = findPod(parts, caller, ref);
  if (name === '') throw new KraudError('invalid', 'Neither old nor new names may be empty');
  const wanted = checkPodName(name);
  if (wanted === pod.meta.name) {
    throw new KraudError('invalid', 'Renaming a container with the same name as its current name');
  }
  try {
    await parts.pods.rename(keyOf(pod), wanted);
  } catch (error) {
    if (codeOf(error) === 'exists') refuseTaken(parts, caller, wanted);
    throw error;
  }
}
