import { must } from '@kraud/base';
import { keepRevisions } from './revisions.ts';
import type { WorkloadPlan } from './seen.ts';
import type { Slot } from './slot.ts';
import { beginUpdate } from './update.ts';
import type { World } from './world.ts';

/** Asks for the revision before instead; what that means for the pods is for the next plan. */
export function rollBack(
  world: World,
  slots: readonly Slot[],
  status: WorkloadPlan['status'],
  message: string,
): WorkloadPlan {
  const { workload, nowMs } = world;
  const former = must(world.revisions.at(-2), 'there is a revision to go back to');
  const spec = { ...former.spec, rollsBack: true };
  const meta = { labels: former.labels ?? workload.meta.labels };
  const revisions = keepRevisions({ meta, spec, given: former.given, status }, nowMs);
  const revision = must(revisions.at(-1), 'a workload has a revision');
  const update = beginUpdate({ before: workload.status.update, revision, slots, nowMs }, message);
  const generation = workload.meta.generation + 1;
  return {
    status: { ...status, generation, revisions: [...revisions], update },
    rollback: revision,
    create: [],
    stop: [],
    remove: [],
    finished: false,
  };
}
