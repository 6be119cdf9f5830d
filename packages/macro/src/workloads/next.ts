import { planJob } from './job.ts';
import { planLeave } from './leave.ts';
import { planOrdered } from './ordered.ts';
import { planReplicas } from './replicas.ts';
import type { WorkloadPlan, WorkloadSeen } from './seen.ts';
import { type World, worldOf } from './world.ts';

/** While nothing may move, it is looked at again so often whether it may by now. */
const heldMs = 1000;

/** What is to be done about a workload's pods now; cron, which has none, has `nextForCron`. Pure: same input, same plan. */
export function next(seen: WorkloadSeen): WorkloadPlan {
  const plan = planFor(worldOf(seen));
  if (seen.mayMove) return plan;
  return { ...plan, againMs: Math.min(plan.againMs ?? heldMs, heldMs) };
}

function planFor(world: World): WorkloadPlan {
  const { mode } = world.workload.spec;
  if (world.workload.meta.deletedAt !== undefined) return planLeave(world);
  switch (mode.type) {
    case 'replicated':
    case 'global':
      return planReplicas(world);
    case 'ordered':
      return planOrdered(world, mode);
    case 'job':
    case 'global-job':
      return planJob(world);
    case 'cron':
      throw new Error('a cron workload has jobs and no pods');
  }
}
