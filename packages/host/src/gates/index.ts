export { Gates, type GatesOptions } from './gates.ts';
export { type GateLimits, gateLimits } from './limits.ts';
export { isReady } from './plan.ts';
