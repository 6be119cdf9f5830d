export * from './contract.ts';
export { openCradle, vmGroups } from './cradle.ts';
export * from './guest/index.ts';
export { type CradleLimits, cradleLimits } from './limits.ts';
export type { CradleOptions, GuestFiles } from './options.ts';
