import { must } from '@kraud/base';
import { anywhere, type Host, type WorkloadStatus } from '../model/index.ts';
import { eligibleHosts } from './eligible.ts';
import { outdated } from './history.ts';
import { clearOut } from './leave.ts';
import { isLive, isToStop, type Member } from './member.ts';
import { again, podsOf } from './replicas.ts';
import { type PodOrder, sooner, type WorkloadPlan } from './seen.ts';
import { givenUp, revisionOf, type Slot, stepSlot } from './slot.ts';
import { countMembers, messageOf } from './status.ts';
import { slotsOf, type World } from './world.ts';

/**
 * Jobs: each slot is run until it has succeeded once in this iteration. What has succeeded is written down, so that
 * it is not run again when its pod is removed. A changed template is for the pods to come.
 */
export function planJob(world: World): WorkloadPlan {
  const { workload, last } = world;
  const { jobIteration } = workload.spec;
  const members = world.members.filter(({ iteration }) => iteration === jobIteration);
  const former = clearOut(world.members.filter((member) => !members.includes(member)));
  const done = doneSlots(workload.status, jobIteration, members);
  const { names, hosts, parallelism } = slotsWanted(world, done, members);
  const all = slotsOf(world, names, members);
  const open = names
    .filter((name) => !done.has(name))
    .map((name) => must(all.get(name), 'every name has a slot'));

  const steps = open.map((slot) => ({
    slot,
    step: stepSlot(
      slot,
      slot.live.length > 0 ? revisionOf(slot, world.revisions) : last,
      'stop-first',
      world,
    ),
  }));
  // Those of the iteration before hold their slots until they have ended.
  const busy = new Set(world.members.filter(isLive).map(({ slot }) => slot));
  let free = parallelism - busy.size;
  const create = steps.flatMap(({ slot, step }): PodOrder[] => {
    if (!step.create || busy.has(slot.name) || free <= 0) return [];
    free -= 1;
    const host = hosts.get(slot.name);
    return [{ ...step.create, ...(host ? { host } : {}) }];
  });
  const leaving = members.filter(({ slot }) => !names.includes(slot) && !done.has(slot));
  const out = clearOut(leaving);
  return {
    status: {
      ...workload.status,
      generation: workload.meta.generation,
      revisions: [...world.revisions],
      attempts: world.attempts,
      iteration: jobIteration,
      done: [...done],
      desired: names.length,
      ...countMembers(members, last),
      succeeded: names.filter((name) => done.has(name)).length,
      failed: members.filter(({ end }) => end && !end.ok && !end.asked).length,
      givenUp: givenUp(steps),
      message: messageOf(workload, members, []),
    },
    create,
    stop: [
      ...former.stop,
      ...out.stop,
      ...podsOf([...steps.flatMap(({ step }) => step.stop), ...extra(all, done)]),
    ],
    remove: [...former.remove, ...out.remove, ...podsOf(stale(world, members, open))],
    finished: false,
    ...again(steps.map(({ step }) => step.againMs).reduce<number | undefined>(sooner, undefined)),
  };
}

/** Nothing is left to do: all has succeeded, or what hasn't is given up. */
export function isFinished({ desired, succeeded, running, givenUp }: WorkloadStatus): boolean {
  return running === 0 && succeeded + Object.keys(givenUp).length >= desired;
}

function doneSlots(
  status: WorkloadStatus,
  iteration: number,
  members: readonly Member[],
): ReadonlySet<string> {
  const known = status.iteration === iteration ? status.done : [];
  return new Set([...known, ...members.filter(({ end }) => end?.ok && !end.asked).map(({ slot }) => slot)]);
}

function slotsWanted(
  { workload, hosts, last }: World,
  done: ReadonlySet<string>,
  members: readonly Member[],
): { names: readonly string[]; hosts: ReadonlyMap<string, Host>; parallelism: number } {
  const { mode } = workload.spec;
  if (mode.type === 'job') {
    const names = Array.from({ length: mode.completions }, (_, index) => String(index + 1));
    return { names, hosts: new Map(), parallelism: mode.parallelism };
  }
  const there = new Set(members.filter(isLive).map(({ slot }) => slot));
  const eligible = eligibleHosts(hosts, last.spec.template.spec.placement ?? anywhere, there);
  const byName = new Map(eligible.map((host) => [host.meta.name, host]));
  const names = [...new Set([...byName.keys(), ...done])].sort();
  return { names, hosts: byName, parallelism: Number.POSITIVE_INFINITY };
}

/** Pods of slots that need none any more. */
function extra(slots: ReadonlyMap<string, Slot>, done: ReadonlySet<string>): Member[] {
  return [...slots.values()]
    .filter(({ name }) => done.has(name))
    .flatMap(({ live }) => live.filter(isToStop));
}

function stale({ workload }: World, members: readonly Member[], open: readonly Slot[]): Member[] {
  const { endedKept } = workload.spec;
  return [
    ...members.filter(({ state }) => state === 'lost'),
    ...open.flatMap((slot) => outdated(slot, endedKept)),
  ];
}
