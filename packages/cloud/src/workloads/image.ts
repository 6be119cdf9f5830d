import { type Clock, codeOf, type Logger, messageOf } from '@kraud/base';
import type { ImageFacts } from '@kraud/host';
import { noImage, type Workload } from '@kraud/macro';
import type { Caller, Images } from '../contract.ts';
import { type ImageFinder, noFacts } from '../images/find.ts';
import type { CloudParts } from '../parts.ts';
import type { ImageWish, WorkloadDraft } from './contract.ts';

/** What pods are to be made of. `missing`: why the image isn't here, and they can't start yet. */
export interface Resolved {
  readonly facts: ImageFacts;
  readonly missing?: string;
}

/** Faults that stay as they are however often it is tried, or whose cause is the caller. */
const final = ['invalid', 'canceled'];

/** How long to wait for a pull, and where to say what became of it afterwards. */
export interface Patience {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly waitMs: number;
}

export const patienceOf = ({
  clock,
  logger,
  limits,
}: Pick<CloudParts, 'clock' | 'logger' | 'limits'>): Patience => ({
  clock,
  logger,
  waitMs: limits.imageWaitMs,
});

/**
 * What the image's name means now; one that isn't here is pulled first. A pull that takes longer than the patience goes on by
 * itself, and the image counts as missing until it is over: clients don't wait for ever.
 */
export async function resolveImage(
  images: Pick<Images, 'pull'>,
  finder: ImageFinder,
  caller: Caller,
  name: string,
  { auth, signal }: ImageWish,
  patience?: Patience,
): Promise<Resolved> {
  const present = finder.findIfAny(caller, name);
  if (present) return { facts: await finder.facts(present.spec.id) };
  const stop = new AbortController();
  const end = (): void => stop.abort(signal.reason);
  signal.addEventListener('abort', end);
  try {
    signal.throwIfAborted();
    const options = { ...(auth ? { auth } : {}), progress: () => {}, signal: stop.signal };
    const pulling = images.pull(caller, name, options);
    if (!(await isOver(pulling, name, patience))) {
      return { facts: factsOfNone, missing: 'it is still being pulled' };
    }
  } catch (error) {
    if (final.includes(codeOf(error)) || signal.aborted) throw error;
    return { facts: factsOfNone, missing: `pulling it failed: ${messageOf(error)}` };
  } finally {
    signal.removeEventListener('abort', end);
  }
  return { facts: await finder.facts(finder.findNow(caller, name).spec.id) };
}

/** Whether the pull has ended by the time that patience has; what becomes of it later is logged. */
async function isOver(
  pulling: Promise<unknown>,
  image: string,
  patience: Patience | undefined,
): Promise<boolean> {
  if (!patience) {
    await pulling;
    return true;
  }
  const { clock, logger, waitMs } = patience;
  const waiting = new AbortController();
  const over = pulling.then(() => true);
  const late = clock.sleep(waitMs, waiting.signal).then(() => false);
  try {
    const isDone = await Promise.race([over, late]);
    if (!isDone) {
      over.catch((error: unknown) =>
        logger.warn({ image, error: messageOf(error) }, 'a long pull has failed'),
      );
    }
    return isDone;
  } finally {
    waiting.abort();
    late.catch(() => {});
  }
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
