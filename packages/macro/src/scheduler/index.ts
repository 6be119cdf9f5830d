export { check as checkPlan } from './check.ts';
export type { Misfit } from './fit.ts';
export {
  type Binding,
  type Observed,
  type Plan,
  plan as planPlacements,
  type Refusal,
  type SchedulerLimits,
  schedulerDefaults,
} from './plan.ts';
