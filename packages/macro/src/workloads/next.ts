import { planJob } from './job.ts';
import { planLeave } from './leave.ts';
import { planOrdered } from './ordered.ts';
import { planReplicas } from './replicas.ts';
import type { WorkloadPlan, WorkloadSeen } from './seen.ts';
import { worldOf } from './world.ts';

/** What is to be done about a workload's pods now. Pure: same input, same plan. */
export function next(seen: WorkloadSeen): WorkloadPlan {
  const world = worldOf(seen);
  if (seen.workload.meta.deletedAt !== undefined) return planLeave(world);
  const { mode } = seen.workload.spec;
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
      // Its pods are those of the jobs that it makes.
      return { ...planLeave(world), finished: false };
  }
}
