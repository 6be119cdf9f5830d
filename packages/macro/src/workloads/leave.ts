import type { Pod } from '../model/index.ts';
import { isToStop, type Member } from './member.ts';
import { podsOf } from './replicas.ts';
import type { WorkloadPlan } from './seen.ts';
import { countMembers } from './status.ts';
import type { World } from './world.ts';

/** The way out: pods end in their own time, then they are removed, and then it may go itself. */
export function planLeave(world: World): WorkloadPlan {
  const { workload, members, last } = world;
  return {
    status: {
      ...workload.status,
      generation: workload.meta.generation,
      desired: 0,
      attempts: world.attempts,
      ...countMembers(members, last),
      message: 'being removed',
    },
    create: [],
    ...clearOut(members),
    finished: members.length === 0,
  };
}

export function clearOut(members: readonly Member[]): { stop: Pod[]; remove: Pod[] } {
  return {
    stop: podsOf(members.filter(isToStop)),
    remove: podsOf(members.filter(({ state }) => state === 'ended' || state === 'lost')),
  };
}
