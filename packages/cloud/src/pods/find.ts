import { KraudError } from '@kraud/base';
import { defaultNamespace, type Pod, type ResourceKey } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';

export const keyOf = (pod: Pod): ResourceKey => pod.meta;

/** The pod that a name, a uid or the beginning of a uid stands for, in Docker's order: uid, name, prefix. */
export function findPod(parts: Pick<CloudParts, 'pods'>, caller: Caller, ref: string): Pod {
  const missing = (): KraudError => new KraudError('not-found', `No such container: ${ref}`);
  if (ref === '') throw new KraudError('invalid', 'no container name or ID supplied');
  const byUid = parts.pods.byUid(caller.tenant, ref);
  if (byUid) return byUid;
  const name = ref.startsWith('/') ? ref.slice(1) : ref;
  const byName = parts.pods.get({ tenant: caller.tenant, namespace: defaultNamespace, name });
  if (byName) return byName;
  if (!/^[0-9a-f]{1,63}$/.test(ref)) throw missing();
  const matches = parts.pods.list(caller.tenant).filter((pod) => pod.meta.uid.startsWith(ref));
  const [only] = matches;
  if (matches.length > 1) throw new KraudError('invalid', `Multiple IDs found with provided prefix: ${ref}`);
  if (!only) throw missing();
  return only;
}

/** The one container that Docker knows a pod by. */
export function mainContainer(pod: Pod): Pod['spec']['containers'][number] {
  const [container] = pod.spec.containers;
  if (!container) throw new KraudError('internal', `pod ${pod.meta.name} has no container`);
  return container;
}

export function isUp(pod: Pod): boolean {
  return pod.status.phase === 'running' || pod.status.phase === 'paused' || pod.status.phase === 'stopping';
}

/** The pod, if its program runs; otherwise `conflict` in Docker's words. */
export function mustRun(pod: Pod): Pod {
  if (pod.status.phase === 'paused') {
    throw new KraudError(
      'conflict',
      `Container ${pod.meta.uid} is paused, unpause the container before exec`,
    );
  }
  if (pod.status.phase === 'restarting') {
    throw new KraudError(
      'conflict',
      `Container ${pod.meta.uid} is restarting, wait until the container is running`,
    );
  }
  if (!isUp(pod)) throw new KraudError('conflict', `container ${pod.meta.uid} is not running`);
  return pod;
}
