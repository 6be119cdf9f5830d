import { isDeepStrictEqual } from 'node:util';
import { KraudError } from '@kraud/base';
import type { Workload } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { admitWorkloadToQuota, confirmQuota } from '../quotas/admit.ts';
import { ensureVolume } from '../volumes/ensure.ts';
import type { ImageWish, WorkloadDraft } from './contract.ts';
import type { WorkloadTools } from './create.ts';
import { findWorkload } from './find.ts';
import { keptImage, patienceOf, resolveImage } from './image.ts';
import { previousOf, type Wanted, wantedOf, withPrevious } from './previous.ts';
import { admitWorkload, iterationAfter } from './spec.ts';
import { nextChange, refuseStale, versionOf } from './version.ts';

/** Replaces what is wanted of a workload; what was wanted is kept for a rollback. */
export async function updateWorkload(
  { parts, images, finder }: WorkloadTools,
  caller: Caller,
  ref: string,
  draft: WorkloadDraft,
  version: number,
  wish: ImageWish,
): Promise<{ workload: Workload; before: Workload; warnings: string[] }> {
  const present = findWorkload(parts, caller, ref);
  refuseStale(present, version);
  if (draft.name !== present.meta.name)
    throw new KraudError('unsupported', 'renaming services is not supported');
  if (draft.mode.type !== present.spec.mode.type) {
    throw new KraudError('unsupported', 'service mode change is not allowed');
  }
  const image =
    (await keptImage(finder, caller, draft, present)) ??
    (await resolveImage(images, finder, caller, draft.pod.container.image, wish, patienceOf(parts)));
  const { uid } = present.meta;
  const others = parts.workloads.list(caller.tenant).filter(({ meta }) => meta.uid !== uid);
  const { spec, volumes, warnings } = admitWorkload(parts, caller, draft, image, { uid, others, present });
  admitWorkloadToQuota(parts, caller, uid, spec);
  for (const volume of volumes) await ensureVolume(parts, caller, volume, undefined);
  const { labels, annotations, given } = draft;
  const workload = await write(parts, caller, present, (found) => {
    refuseStale(found, version);
    return { spec, labels, annotations, given };
  });
  return { workload, before: present, warnings };
}

/** Back to what was wanted before, and that becomes what this can be rolled back to. */
export async function rollbackWorkload(
  { parts }: Pick<WorkloadTools, 'parts'>,
  caller: Caller,
  ref: string,
  version: number,
): Promise<{ workload: Workload; before: Workload }> {
  const present = findWorkload(parts, caller, ref);
  const workload = await write(parts, caller, present, (found) => {
    refuseStale(found, version);
    const previous = previousOf(found);
    if (!previous) throw new KraudError('conflict', `service ${ref} does not have a previous spec`);
    admitWorkloadToQuota(parts, caller, found.meta.uid, previous.spec);
    return {
      ...previous,
      spec: { ...previous.spec, rollsBack: true, jobIteration: iterationAfter(found) },
    };
  });
  return { workload, before: present };
}

/** What was wanted before is wanted again if it turns out to be more than the quota has. */
async function write(
  parts: CloudParts,
  caller: Caller,
  present: Workload,
  wanted: (found: Workload) => Wanted,
): Promise<Workload> {
  let before = present;
  const at = new Date(parts.clock.now()).toISOString();
  const written = await parts.workloads.mutate(present.meta, (found) => {
    before = found;
    return changed(found, wanted(found), at);
  });
  const { uid } = present.meta;
  await confirmQuota(
    parts,
    written,
    () => admitWorkloadToQuota(parts, caller, uid, written.spec),
    () =>
      parts.workloads.mutate(present.meta, (found) =>
        versionOf(found) === versionOf(written)
          ? { ...changed(found, wantedOf(before), at), given: before.given }
          : undefined,
      ),
  );
  return written;
}

function changed(found: Workload, { spec, labels, annotations, given }: Wanted, at: string): Workload {
  const { update, ...seen } = found.status;
  // An update that is over says nothing of what is wanted now.
  const over = update?.state === 'completed' || update?.state === 'rollback-completed';
  return {
    ...found,
    meta: { ...found.meta, labels, annotations: nextChange(found, annotations, at) },
    spec,
    status: over && !isDeepStrictEqual(found.spec, spec) ? seen : found.status,
    given: withPrevious(given, found),
  };
}
