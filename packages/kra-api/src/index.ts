export { createKraApi, type KraApi, type KraApiOptions } from './api.ts';
export { type KraApiLimits, kraApiLimits } from './limits.ts';
