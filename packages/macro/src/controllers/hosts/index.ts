export { Drains } from './drains.ts';
export { type Fate, fateOf, meetFate } from './fate.ts';
export { HostLeases } from './leases.ts';
export { LostHosts } from './lost-hosts.ts';
export { MoveBudget, type MoveLimits, moveDefaults, type Pace, paceOf } from './pace.ts';
