import { codeOf, KraudError, messageOf } from '@kraud/base';
import type { ImageFacts } from '@kraud/host';
import type { Workload } from '@kraud/macro';
import type { Caller, Images } from '../contract.ts';
import type { ImageFinder } from '../images/find.ts';
import type { ImageWish, WorkloadDraft } from './contract.ts';

/** What the image's name means now; one that isn't there is pulled first. */
export async function resolveImage(
  images: Pick<Images, 'pull'>,
  finder: ImageFinder,
  caller: Caller,
  name: string,
  { auth, signal }: ImageWish,
): Promise<ImageFacts> {
  try {
    return await finder.facts(finder.findNow(caller, name).spec.id);
  } catch (error) {
    if (codeOf(error) !== 'not-found') throw error;
  }
  try {
    await images.pull(caller, name, { ...(auth ? { auth } : {}), progress: () => {}, signal });
  } catch (error) {
    const why = `image ${name} is not here, and pulling it failed: ${messageOf(error)}`;
    throw new KraudError(codeOf(error), why, { cause: error });
  }
  return await finder.facts(finder.findNow(caller, name).spec.id);
}

/** The image that the workload has, if the draft asks for no other. */
export async function keptImage(
  finder: ImageFinder,
  caller: Caller,
  draft: WorkloadDraft,
  { spec }: Workload,
): Promise<ImageFacts | undefined> {
  const had = spec.template.spec.containers[0]?.image;
  if (!had || had.name !== draft.pod.container.image || draft.force !== spec.force) return undefined;
  try {
    return await finder.facts(finder.findNow(caller, had.id).spec.id);
  } catch (error) {
    if (codeOf(error) === 'not-found') return undefined;
    throw error;
  }
}
