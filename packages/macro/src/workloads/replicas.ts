import { must } from '@kraud/base';
import { anywhere, type Host, type Pod, type UpdateState, type WorkloadRevision } from '../model/index.ts';
import { chooseSlots } from './choose.ts';
import { eligibleHosts } from './eligible.ts';
import { outdated } from './history.ts';
import { isLive, isToStop, type Member } from './member.ts';
import { rollBack } from './rollback.ts';
import { type PodOrder, sooner, type WorkloadPlan } from './seen.ts';
import { givenUp, revisionOf, type Slot, stepSlot } from './slot.ts';
import { countMembers, messageOf } from './status.ts';
import { isStale, stepUpdate } from './update.ts';
import { isChanged, slotsOf, type World } from './world.ts';

/** Replicated and global: one pod in each slot, replaced as the update policy says. */
export function planReplicas(world: World): WorkloadPlan {
  const { workload, members, last, attempts } = world;
  const { mode } = workload.spec;
  const hosts = new Map(
    mode.type === 'global' ? globalHosts(world).map((host) => [host.meta.name, host]) : [],
  );
  const numbers =
    mode.type === 'replicated'
      ? chooseSlots(workload.status.slots, mode.replicas, slotsOf(world, [], members))
      : [];
  const names = mode.type === 'global' ? [...hosts.keys()] : numbers.map(String);
  const all = slotsOf(world, names, members);
  const wanted = names.map((name) => must(all.get(name), 'every name has a slot'));

  const update = stepUpdate({
    before: workload.status.update,
    changed: isChanged(workload),
    revision: last,
    slots: wanted,
    nowMs: world.nowMs,
    canRollBack: world.revisions.length > 1,
  });
  const status = {
    ...workload.status,
    generation: workload.meta.generation,
    revisions: [...world.revisions],
    slots: numbers,
    attempts,
    desired: names.length,
    ...countMembers(
      members.filter(({ slot }) => names.includes(slot)),
      last,
    ),
    givenUp: {},
    message: messageOf(workload, members, []),
  };
  if (update.rollback !== undefined) return rollBack(world, wanted, status, update.rollback);

  const order = orderOf(update.state, last);
  const steps = wanted.map((slot) => ({
    slot,
    step: stepSlot(
      slot,
      isStale(slot, last.hash) && !update.turn.has(slot.name) ? revisionOf(slot, world.revisions) : last,
      order,
      world,
    ),
  }));
  const create = steps.flatMap(({ step, slot }): PodOrder[] => {
    const host = hosts.get(slot.name);
    return step.create ? [{ ...step.create, ...(host ? { host } : {}) }] : [];
  });
  const leaving = members.filter(({ slot }) => !names.includes(slot));
  const { update: _, ...rest } = status;
  return {
    status: {
      ...rest,
      ...(update.state ? { update: update.state } : {}),
      givenUp: givenUp(steps),
    },
    create,
    stop: podsOf([...steps.flatMap(({ step }) => step.stop), ...leaving.filter(isToStop)]),
    remove: podsOf([
      ...members.filter(({ state, slot }) => state === 'lost' && names.includes(slot)),
      ...wanted.flatMap((slot) => outdated(slot, workload.spec.endedKept)),
      ...leaving.filter((member) => mayGo(member, world, all)),
    ]),
    finished: false,
    ...again(steps.map(({ step }) => step.againMs).reduce(sooner, update.againMs)),
  };
}

function globalHosts({ hosts, members, last }: World): readonly Host[] {
  const there = new Set(members.filter(isLive).map(({ slot }) => slot));
  return eligibleHosts(hosts, last.spec.template.spec.placement ?? anywhere, there);
}

function orderOf(state: UpdateState | undefined, { spec }: WorkloadRevision) {
  return state?.state.startsWith('rollback') ? spec.rollback.order : spec.update.order;
}

/** Pods of slots that are no more: those of a host that is only closed to them stay in the history. */
function mayGo(member: Member, { workload, hosts }: World, slots: ReadonlyMap<string, Slot>): boolean {
  if (member.state === 'lost') return true;
  if (member.state !== 'ended') return false;
  const known = hosts.some((host) => host.meta.name === member.slot);
  if (workload.spec.mode.type !== 'global' || !known) return true;
  const slot = slots.get(member.slot);
  return slot !== undefined && outdated(slot, workload.spec.endedKept).includes(member);
}

export function podsOf(members: readonly Member[]): Pod[] {
  return [...new Set(members)].map(({ pod }) => pod);
}

export function again(againMs: number | undefined): { againMs?: number } {
  return againMs === undefined ? {} : { againMs };
}
