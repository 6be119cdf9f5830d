export { check } from './check.ts';
export type { Misfit } from './fit.ts';
export {
  type Binding,
  type Observed,
  type Plan,
  plan,
  type Refusal,
  type SchedulerLimits,
  schedulerDefaults,
} from './plan.ts';
