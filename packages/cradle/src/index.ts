export * from './contract.ts';
export { type CradleOptions, type GuestFiles, openCradle, vmGroups } from './cradle.ts';
export * from './guest/index.ts';
export { type CradleLimits, cradleLimits } from './limits.ts';
