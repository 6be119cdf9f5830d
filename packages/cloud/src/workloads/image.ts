import { codeOf, messageOf } from '@kraud/base';
import type { ImageFacts } from '@kraud/host';
import { noImage, type Workload } from '@kraud/macro';
import type { Caller, Images } from '../contract.ts';
import { type ImageFinder, noFacts } from '../images/find.ts';
import type { ImageWish, WorkloadDraft } from './contract.ts';

/** What pods are to be made of. `missing`: why the image could not be had, and they can't start. */
export interface Resolved {
  readonly facts: ImageFacts;
  readonly missing?: string;
}

/** Faults that stay as they are however often it is tried, or whose cause is the caller. */
const final = ['invalid', 'canceled'];

/** What the image's name means now; one that isn't here is pulled first. */
export async function resolveImage(
  images: Pick<Images, 'pull'>,
  finder: ImageFinder,
  caller: Caller,
  name: string,
  { auth, signal }: ImageWish,
): Promise<Resolved> {
  const present = finder.findIfAny(caller, name);
  if (present) return { facts: await finder.facts(present.spec.id) };
  try {
    await images.pull(caller, name, { ...(auth ? { auth } : {}), progress: () => {}, signal });
  } catch (error) {
    if (final.includes(codeOf(error)) || signal.aborted) throw error;
    return { facts: factsOfNone, missing: messageOf(error) };
  }
  return { facts: await finder.facts(finder.findNow(caller, name).spec.id) };
}

/** The image that the workload has, if the draft asks for no other. */
export async function keptImage(
  finder: ImageFinder,
  caller: Caller,
  draft: WorkloadDraft,
  { spec }: Workload,
): Promise<Resolved | undefined> {
  const had = spec.template.spec.containers[0]?.image;
  if (!had || had.name !== draft.pod.container.image || draft.force !== spec.force) return undefined;
  const present = finder.findIfAny(caller, had.id);
  return present && { facts: await finder.facts(present.spec.id) };
}

/** Nothing ever runs by these. */
const factsOfNone: ImageFacts = { ...noFacts, id: noImage, config: { cmd: ['/'] } };
