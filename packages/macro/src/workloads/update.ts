import { compactId } from '@kraud/base';
import type { UpdatePolicy, UpdateState, WorkloadRevision } from '../model/index.ts';
import type { Member } from './member.ts';
import { sooner } from './seen.ts';
import type { Slot } from './slot.ts';

export interface UpdateInput {
  /** As it was written last. */
  readonly before: UpdateState | undefined;
  /** What is wanted was changed since. */
  readonly changed: boolean;
  readonly revision: WorkloadRevision;
  readonly slots: readonly Slot[];
  readonly nowMs: number;
  /** There is a revision to go back to. */
  readonly canRollBack: boolean;
}

export interface UpdateStep {
  readonly state: UpdateState | undefined;
  /** Slots that are still of another revision, and whose turn it is. */
  readonly turn: ReadonlySet<string>;
  /** It failed and is to be undone, with this message. */
  readonly rollback?: string;
  readonly againMs?: number;
}

/**
 * The life of a rolling update. Slots are replaced so many at a time; one that is done makes way for the next when its
 * pod has been ready for the delay, or has failed. When all are done, it watches for the monitoring time.
 *
 * ```
 * (spec changed) ─> updating ── all replaced and watched ──> completed
 *                      │
 *                      └ too many failed ─> paused, or a new update: the rollback
 * rollback-started ─> rollback-completed, or rollback-paused
 * ```
 */
export function stepUpdate(input: UpdateInput): UpdateStep {
  const { revision, slots, nowMs } = input;
  const stale = slots.filter((slot) => isStale(slot, revision.hash));
  const state = ongoing(input, stale.length);
  if (!state || (state.state !== 'updating' && state.state !== 'rollback-started')) {
    return { state, turn: new Set() };
  }
  const rolling = state.state === 'rollback-started';
  const policy = rolling ? revision.spec.rollback : revision.spec.update;
  const seen = observe(state, input, policy);
  const culprit = seen.failed.find(({ slot }) => !state.failed.includes(slot));
  const next: UpdateState = {
    ...state,
    ready: seen.ready,
    failed: [...new Set([...state.failed, ...seen.failed.map(({ slot }) => slot)])],
  };
  if (
    culprit &&
    next.failed.length > policy.maxFailureRatio * state.slots &&
    policy.onFailure !== 'continue'
  ) {
    const why = `due to failure or early termination of task ${compactId(culprit.pod.meta.uid)}`;
    if (policy.onFailure === 'rollback' && !rolling && input.canRollBack) {
      return { state: next, turn: new Set(), rollback: `update rolled back ${why}` };
    }
    const [paused, word] = rolling
      ? (['rollback-paused', 'rollback'] as const)
      : (['paused', 'update'] as const);
    return { state: { ...next, state: paused, message: `${word} paused ${why}` }, turn: new Set() };
  }
  const unsettled = slots.filter(
    (slot) => isMadeBy(slot, state) && !stale.includes(slot) && !isSettled(slot, next, policy, nowMs),
  );
  const againMs = nextLook(next, policy, nowMs);
  if (stale.length === 0 && unsettled.length === 0 && againMs === undefined) {
    const [completed, word] = rolling
      ? (['rollback-completed', 'rollback'] as const)
      : (['completed', 'update'] as const);
    const completedAt = new Date(nowMs).toISOString();
    return {
      state: { ...next, state: completed, completedAt, message: `${word} completed`, ready: {}, past: {} },
      turn: new Set(),
    };
  }
  const turn = takeTurns(stale, unsettled.length, policy.parallelism);
  return { state: next, turn, ...(againMs === undefined ? {} : { againMs }) };
}

/** The state of an update that begins now. */
export function beginUpdate(
  input: Pick<UpdateInput, 'before' | 'revision' | 'slots' | 'nowMs'>,
  message: string,
): UpdateState {
  const { before, revision, slots, nowMs } = input;
  const again = before?.revision === revision.number;
  return {
    state: revision.spec.rollsBack ? 'rollback-started' : 'updating',
    revision: revision.number,
    startedAt: new Date(nowMs).toISOString(),
    message,
    slots: slots.filter((slot) => isStale(slot, revision.hash)).length,
    ready: again ? before.ready : {},
    failed: [],
    past: again ? Object.fromEntries(slots.map((slot) => [slot.name, slot.attempts])) : {},
  };
}

/** It has pods, and neither is one that runs as wanted, nor was the last one. One that is about to end doesn't count. */
export function isStale({ live, newest }: Slot, hash: string): boolean {
  const isWanted = (member: Member): boolean => member.hash === hash && member.state !== 'stopping';
  return newest !== undefined && newest.hash !== hash && !live.some(isWanted);
}

function ongoing(input: UpdateInput, stale: number): UpdateState | undefined {
  const { before, changed, revision } = input;
  if (before && !changed && before.revision === revision.number) return before;
  if (stale === 0) return undefined;
  return beginUpdate(input, revision.spec.rollsBack ? 'manually requested rollback' : 'update in progress');
}

function observe(
  state: UpdateState,
  { slots, nowMs }: UpdateInput,
  { monitorMs }: UpdatePolicy,
): { ready: UpdateState['ready']; failed: readonly Member[] } {
  const ready = { ...state.ready };
  const failed: Member[] = [];
  for (const slot of slots) {
    const mine = [...slot.live, ...slot.ended].filter((member) => isOf(member, state));
    // A time to come was written by a clock that was ahead.
    const seenMs = Math.min(Date.parse(ready[slot.name] ?? '') || nowMs, nowMs);
    if (mine.some((member) => member.state === 'ready')) ready[slot.name] = new Date(seenMs).toISOString();
    const failure = mine.find((member) => failedEarly(member, slot.name in ready, monitorMs));
    if (failure) failed.push(failure);
  }
  return { ready, failed };
}

function failedEarly({ end }: Member, wasReady: boolean, monitorMs: number): boolean {
  if (!end || end.asked) return false;
  if (end.startedMs === undefined || (end.unhealthy && !wasReady)) return true;
  return (end.finishedMs ?? end.startedMs) - end.startedMs <= monitorMs;
}

/** Made by this update: the number of its revision is its own. */
function isOf(member: Member, { revision, past }: UpdateState): boolean {
  return member.revision === revision && member.attempt > (past[member.slot] ?? 0);
}

function isMadeBy({ live, ended }: Slot, state: UpdateState): boolean {
  return [...live, ...ended].some((member) => isOf(member, state));
}

function isSettled({ name }: Slot, state: UpdateState, { delayMs }: UpdatePolicy, nowMs: number): boolean {
  if (state.failed.includes(name)) return true;
  const ready = state.ready[name];
  return ready !== undefined && Date.parse(ready) + delayMs <= nowMs;
}

/** When a delay or the monitoring time is over. */
function nextLook(
  state: UpdateState,
  { delayMs, monitorMs }: UpdatePolicy,
  nowMs: number,
): number | undefined {
  const readyMs = Object.values(state.ready).map((at) => Date.parse(at));
  const waits = readyMs.flatMap((ms) => [ms + delayMs - nowMs, ms + monitorMs - nowMs]);
  return waits.filter((ms) => ms > 0).reduce<number | undefined>(sooner, undefined);
}

/** Those that were begun go on; then come those that serve nobody. */
function takeTurns(stale: readonly Slot[], busy: number, parallelism: number): ReadonlySet<string> {
  const isBegun = ({ live, newest }: Slot): boolean =>
    live.length > 0 ? live.every((member) => member.state === 'stopping') : newest?.end?.asked === true;
  const isServing = ({ live }: Slot): boolean => live.some((member) => member.state === 'ready');
  const begun = stale.filter(isBegun);
  const others = stale.filter((slot) => !isBegun(slot));
  const waiting = [...others.filter((slot) => !isServing(slot)), ...others.filter(isServing)];
  const free = parallelism === 0 ? waiting.length : Math.max(0, parallelism - busy - begun.length);
  return new Set([...begun, ...waiting.slice(0, free)].map((slot) => slot.name));
}
