import { codeOf, messageOf } from '@kraud/base';
import type { Workload } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { WorkloadDraft } from './contract.ts';
import type { WorkloadTools } from './create.ts';
import { resolveImage } from './image.ts';
import { admitWorkload } from './spec.ts';

/**
 * Tries to get the image that a workload lacks, without the credentials of whoever asked for it: those are not kept. With
 * it, what was asked becomes the template at last: another revision, though nobody has changed what they want.
 */
export async function findImage(
  { parts, images, finder }: WorkloadTools,
  workload: Workload,
  signal: AbortSignal,
): Promise<boolean> {
  const { meta, spec: before } = workload;
  const draft = before.template.asked as WorkloadDraft | undefined;
  if (!draft) return true;
  // What it may do was decided when it was asked for.
  const caller: Caller = { tenant: meta.tenant, local: true };
  try {
    const image = await resolveImage(images, finder, caller, draft.pod.container.image, { signal });
    if (image.missing !== undefined) return false;
    const others = parts.workloads.list(meta.tenant).filter((other) => other.meta.uid !== meta.uid);
    const { spec } = admitWorkload(parts, caller, draft, image, { uid: meta.uid, others, present: workload });
    await parts.workloads.mutate(meta, (found) => {
      const isSame = found.meta.uid === meta.uid && found.meta.generation === meta.generation;
      if (!isSame || found.spec.template.asked === undefined) return undefined;
      const { jobIteration, rollsBack } = found.spec;
      return { ...found, spec: { ...spec, jobIteration, rollsBack } };
    });
    return true;
  } catch (error) {
    if (codeOf(error) === 'not-found') return true;
    const why = { service: meta.name, image: draft.pod.container.image, error: messageOf(error) };
    parts.logger.warn(why, 'an image is there, and can’t be used');
    return false;
  }
}
