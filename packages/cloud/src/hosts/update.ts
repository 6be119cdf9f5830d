import { isDeepStrictEqual } from 'node:util';
import { KraudError } from '@kraud/base';
import type { Host } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';
import type { HostChange } from './contract.ts';
import { changedLabels } from './labels.ts';

/** Applies the change to the host as it is at the time of writing. */
export async function updateHost(
  parts: Pick<CloudParts, 'hosts' | 'limits'>,
  host: Host,
  change: HostChange,
  revision: number | undefined,
): Promise<Host> {
  return await parts.hosts.mutate(host.meta, (present) => {
    if (present.meta.uid !== host.meta.uid) {
      throw new KraudError('not-found', `the host ${host.meta.name} was removed, and another has its name`);
    }
    if (revision !== undefined && present.meta.revision !== revision) {
      throw new KraudError('conflict', `the host ${host.meta.name} has been changed since; look at it again`);
    }
    const spec = changedSpec(present.spec, change);
    const labels = changedLabels(present.meta.labels, change.labels ?? {}, parts.limits);
    const same = isDeepStrictEqual(spec, present.spec);
    if (same && isDeepStrictEqual(labels, present.meta.labels)) return undefined;
    const generation = present.meta.generation + (same ? 0 : 1);
    return { ...present, meta: { ...present.meta, labels, generation }, spec };
  });
}

function changedSpec(present: Host['spec'], change: HostChange): Host['spec'] {
  const { cordoned, drained, manager, taints } = change;
  if (drained && cordoned === false) {
    throw new KraudError('invalid', 'a host that is drained is cordoned as well');
  }
  const spec = { ...present };
  if (cordoned !== undefined) spec.cordoned = cordoned;
  if (cordoned === false) spec.drained = false;
  if (drained !== undefined) spec.drained = drained;
  if (drained) spec.cordoned = true;
  if (manager !== undefined) spec.manager = manager;
  if (taints !== undefined) spec.taints = taints;
  return spec;
}
