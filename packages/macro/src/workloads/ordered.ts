import { must } from '@kraud/base';
import type { WorkloadStatus } from '../model/index.ts';
import { isToStop, type Member } from './member.ts';
import { orderedName } from './names.ts';
import { again, podsOf } from './replicas.ts';
import { rollBack } from './rollback.ts';
import { type PodOrder, sooner, type WorkloadPlan } from './seen.ts';
import { givenUp, revisionOf, type Slot, type Stepped, stepSlot } from './slot.ts';
import { countMembers, messageOf } from './status.ts';
import { isStale, stepUpdate } from './update.ts';
import { isChanged, slotsOf, type World } from './world.ts';

const takenRetryMs = 5000;

/**
 * Ordered: slots from 0 with names that stay. Unless `parallel`, a slot gets its pod when all before it are ready, and
 * loses it when all after it are gone; updates go from the last to the first. A name is free only once the pod that
 * had it is gone, so what ended is removed and not kept.
 */
export function planOrdered(world: World, mode: { replicas: number; parallel: boolean }): WorkloadPlan {
  const { workload, members, last } = world;
  const names = Array.from({ length: mode.replicas }, (_, index) => String(index));
  const all = slotsOf(world, names, members);
  const wanted = names.map((name) => must(all.get(name), 'every name has a slot'));
  const update = stepUpdate({
    before: workload.status.update,
    changed: isChanged(workload),
    revision: last,
    slots: wanted.toReversed(),
    nowMs: world.nowMs,
    canRollBack: world.revisions.length > 1,
  });
  const status: WorkloadStatus = {
    ...workload.status,
    generation: workload.meta.generation,
    revisions: [...world.revisions],
    attempts: world.attempts,
    desired: names.length,
    ...countMembers(
      members.filter(({ slot }) => names.includes(slot)),
      last,
    ),
    givenUp: {},
    message: messageOf(
      workload,
      members,
      [...world.taken].map((name) => `the name ${name} is taken`),
    ),
  };
  if (update.rollback !== undefined) return rollBack(world, wanted, status, update.rollback);
  const steps = wanted.map((slot) => ({
    slot,
    step: stepSlot(
      slot,
      isStale(slot, last.hash) && !update.turn.has(slot.name) ? revisionOf(slot, world.revisions) : last,
      'stop-first',
      world,
    ),
  }));
  const leaving = members.filter(({ slot }) => !names.includes(slot));
  const allowed = allowedUpTo(wanted, mode.parallel);
  const isFree = ({ slot, step }: Stepped): boolean =>
    step.create !== undefined &&
    slot.newest === undefined &&
    Number(slot.name) <= allowed &&
    !world.taken.has(orderedName(workload.meta.name, slot.name));
  const known = workload.status.restarts ?? {};
  const create = steps.filter(isFree).flatMap(({ slot, step }): PodOrder[] => {
    if (!step.create) return [];
    return [{ ...step.create, restarts: known[slot.name] ?? step.create.restarts }];
  });
  const spent = steps.filter(({ step }) => step.create !== undefined).flatMap(({ slot }) => slot.ended);
  const { update: _, restarts: __, ...rest } = status;
  const restarts = restartsOf(steps, known);
  return {
    status: {
      ...rest,
      ...(update.state ? { update: update.state } : {}),
      ...(Object.keys(restarts).length > 0 ? { restarts } : {}),
      givenUp: givenUp(steps),
    },
    create,
    stop: podsOf([
      ...steps.flatMap(({ step }) => step.stop),
      ...nextToLeave(leaving, mode.parallel).filter(isToStop),
    ]),
    remove: podsOf([
      ...spent,
      ...members.filter(({ state }) => state === 'lost'),
      ...leaving.filter(({ state }) => state === 'ended'),
    ]),
    finished: false,
    ...again([nameWaitMs(world), ...steps.map(({ step }) => step.againMs)].reduce(sooner, update.againMs)),
  };
}

/** Of slots whose pod is about to go, or has gone: nothing else remembers it until the next one is there. */
function restartsOf(
  steps: readonly Stepped[],
  known: Readonly<Record<string, number[]>>,
): Record<string, number[]> {
  return Object.fromEntries(
    steps.flatMap(({ slot, step }) => {
      if (!step.create) return [];
      const restarts = slot.newest === undefined ? (known[slot.name] ?? []) : [...step.create.restarts];
      return restarts.length > 0 ? [[slot.name, restarts]] : [];
    }),
  );
}

/** The first slot that isn't ready; all up to there may have a pod. */
function allowedUpTo(slots: readonly Slot[], parallel: boolean): number {
  const first = slots.findIndex(({ live }) => !live.some(({ state }) => state === 'ready'));
  return parallel || first === -1 ? Number.POSITIVE_INFINITY : first;
}

function nextToLeave(leaving: readonly Member[], parallel: boolean): readonly Member[] {
  if (parallel) return leaving;
  const highest = Math.max(...leaving.map(({ slot }) => Number(slot)));
  return leaving.filter(({ slot }) => Number(slot) === highest);
}

/** Nobody tells when a name that another pod has is free. */
function nameWaitMs({ taken }: World): number | undefined {
  return taken.size > 0 ? takenRetryMs : undefined;
}
