import { KraudError } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';

/** The scheduler's refusal, if no host takes the pod. */
export function unplaced(pod: Pod): KraudError | undefined {
  if (pod.spec.host !== undefined || pod.status.message === '') return undefined;
  return new KraudError('exhausted', pod.status.message);
}

/** The pod once it has a host: one that was made a moment ago may not have one yet. Fails as the scheduler does. */
export async function placed(parts: Pick<CloudParts, 'pods' | 'limits'>, pod: Pod): Promise<Pod> {
  if (pod.spec.host !== undefined) return pod;
  const signal = AbortSignal.timeout(parts.limits.placeTimeoutMs);
  const { tenant, uid } = pod.meta;
  const found = await parts.pods
    .follow(
      tenant,
      uid,
      (version) => {
        if (!version) return new KraudError('not-found', `No such container: ${uid}`);
        return version.spec.host === undefined ? unplaced(version) : version;
      },
      signal,
    )
    .catch((error: unknown) => {
      if (!signal.aborted) throw error;
      throw new KraudError('unavailable', `container ${pod.meta.name} has no host yet`);
    });
  if (found instanceof KraudError) throw found;
  return found;
}
