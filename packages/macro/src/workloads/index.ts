export { checkWorkloadPlan } from './check.ts';
export { isFinished } from './job.ts';
export { orderedName } from './names.ts';
export { next as nextForWorkload } from './next.ts';
export { fillHost, fillTemplate } from './placeholders.ts';
export { podFor } from './pod.ts';
export { revisionHash } from './revisions.ts';
export type { PodOrder, WorkloadPlan, WorkloadSeen } from './seen.ts';
