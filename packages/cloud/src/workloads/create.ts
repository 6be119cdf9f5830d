import { codeOf, KraudError, newId } from '@kraud/base';
import { defaultNamespace, newWorkloadStatus, type Workload, workloadFinalizer } from '@kraud/macro';
import type { Caller, Images } from '../contract.ts';
import type { ImageFinder } from '../images/find.ts';
import type { CloudParts } from '../parts.ts';
import { admitWorkloadToQuota, confirmQuota } from '../quotas/admit.ts';
import { ensureVolume } from '../volumes/ensure.ts';
import type { ImageWish, WorkloadDraft } from './contract.ts';
import { patienceOf, resolveImage } from './image.ts';
import { checkWorkloadName } from './names.ts';
import { admitWorkload } from './spec.ts';

export interface WorkloadTools {
  readonly parts: CloudParts;
  readonly images: Pick<Images, 'pull'>;
  readonly finder: ImageFinder;
}

/** Makes a workload; its pods are its controller's to make. Everything is checked first. */
export async function createWorkload(
  { parts, images, finder }: WorkloadTools,
  caller: Caller,
  draft: WorkloadDraft,
  wish: ImageWish,
): Promise<{ workload: Workload; warnings: string[] }> {
  const name = checkWorkloadName(draft.name);
  const key = { tenant: caller.tenant, namespace: defaultNamespace, name };
  const taken = (): KraudError =>
    new KraudError('exists', `name conflicts with an existing object: service ${name} already exists`);
  if (parts.workloads.get(key)) throw taken();
  const image = await resolveImage(
    images,
    finder,
    caller,
    draft.pod.container.image,
    wish,
    patienceOf(parts),
  );
  const uid = newId(parts.random);
  const others = parts.workloads.list(caller.tenant);
  const { spec, volumes, warnings } = admitWorkload(parts, caller, draft, image, {
    uid,
    others,
    present: undefined,
  });
  admitWorkloadToQuota(parts, caller, uid, spec);
  for (const volume of volumes) await ensureVolume(parts, caller, volume, undefined);
  const workload: Workload = {
    kind: 'Workload',
    meta: {
      uid,
      ...key,
      labels: draft.labels,
      annotations: draft.annotations,
      generation: 1,
      finalizers: [workloadFinalizer],
      createdAt: new Date(parts.clock.now()).toISOString(),
    },
    spec,
    status: newWorkloadStatus(),
    given: draft.given,
  };
  const made = await parts.workloads.create(workload).catch((error: unknown) => {
    throw codeOf(error) === 'exists' ? taken() : error;
  });
  await confirmQuota(
    parts,
    made,
    () => admitWorkloadToQuota(parts, caller, uid, spec),
    () => parts.workloads.delete(made.meta),
  );
  return { workload: made, warnings };
}
