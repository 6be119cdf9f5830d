import { must } from '@kraud/base';
import type { UpdatePolicy, WorkloadRevision } from '../model/index.ts';
import { isLive, isToStop, isUp, type Member } from './member.ts';
import { restartAfter } from './restart.ts';
import type { PodOrder, WorkloadSeen } from './seen.ts';

/** All pods that a slot has and had. */
export interface Slot {
  readonly name: string;
  readonly live: readonly Member[];
  /** Newest first. */
  readonly ended: readonly Member[];
  /** Of any state. */
  readonly newest: Member | undefined;
  /** How many pods it has had. */
  readonly attempts: number;
}

export function slotOf(name: string, members: readonly Member[], attemptsKnown: number): Slot {
  const byAge = [...members].sort((a, b) => b.attempt - a.attempt);
  return {
    name,
    live: byAge.filter(isLive),
    ended: byAge.filter((member) => member.state === 'ended'),
    newest: byAge[0],
    attempts: Math.max(attemptsKnown, byAge[0]?.attempt ?? 0),
  };
}

export interface SlotStep {
  readonly create?: Omit<PodOrder, 'host'>;
  readonly stop: readonly Member[];
  readonly againMs?: number;
  readonly givenUp?: string;
}

/**
 * Brings a slot nearer to one pod of the wanted revision on a host that may be used: one step, none that would put
 * more than one pod into it, or two while a new one takes over (`start-first`).
 */
export function stepSlot(
  slot: Slot,
  wanted: WorkloadRevision,
  order: UpdatePolicy['order'],
  seen: Pick<WorkloadSeen, 'workload' | 'nowMs' | 'endSeenMs'>,
): SlotStep {
  const isFit = (member: Member): boolean =>
    member.hash === wanted.hash && !member.displaced && !member.unhealthy && member.state !== 'stopping';
  const fit = slot.live.filter(isFit);
  const unfit = slot.live.filter((member) => !isFit(member));
  const [keep] = [...fit].sort(better);
  // With `start-first`, the one that serves best until there is another that is ready.
  const stays =
    order === 'start-first' && keep?.state !== 'ready' ? unfit.filter(mayStay).sort(better)[0] : undefined;
  const going = unfit.filter((member) => member !== stays);
  if (keep) {
    return { stop: [...fit.filter((member) => member !== keep), ...going].filter(isToStop) };
  }
  if (going.length > 0) return { stop: going.filter(isToStop) };
  const ownEnd = slot.newest?.hash === wanted.hash ? slot.newest : undefined;
  const restart = restartAfter(ownEnd, seen.workload.spec.restart, seen.nowMs, seen.endSeenMs);
  if (restart.next === 'never') return { stop: [], givenUp: restart.why };
  if (restart.next === 'later') return { stop: [], againMs: restart.inMs };
  const { restarts } = restart;
  return { stop: [], create: { slot: slot.name, attempt: slot.attempts + 1, revision: wanted, restarts } };
}

/** What is wanted of a slot that an update has not reached: what it has, while that is known. */
export function revisionOf(slot: Slot, revisions: readonly WorkloadRevision[]): WorkloadRevision {
  const last = must(revisions.at(-1), 'a workload has a revision');
  const hash = (slot.live[0] ?? slot.newest)?.hash;
  return revisions.find((revision) => revision.hash === hash) ?? last;
}

function mayStay(member: Member): boolean {
  return isUp(member) && !member.unhealthy;
}

/** Those that are further come first, then the older ones. */
function better(a: Member, b: Member): number {
  return rank(b) - rank(a) || a.attempt - b.attempt;
}

function rank({ state }: Member): number {
  return state === 'ready' ? 2 : state === 'running' ? 1 : 0;
}

/** A slot with the step that it takes. */
export interface Stepped {
  readonly slot: Slot;
  readonly step: SlotStep;
}

export function givenUp(steps: readonly Stepped[]): Record<string, string> {
  return Object.fromEntries(
    steps.flatMap(({ slot, step }) => (step.givenUp === undefined ? [] : [[slot.name, step.givenUp]])),
  );
}
