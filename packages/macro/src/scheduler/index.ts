export { check as checkPlan } from './check.ts';
export type { Binding, Eviction, Misfit, Observed, Plan, Refusal, Rule } from './contract.ts';
export { reservationOf, wantsToRun } from './demand.ts';
export { Fleet } from './fleet.ts';
export { factOf, type HostWish, hostMisfit, placementMisfit, satisfies, tolerates } from './host-rules.ts';
export { type SchedulerLimits, schedulerDefaults } from './limits.ts';
export { plan as planPlacements } from './plan.ts';
