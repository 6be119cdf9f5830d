export { Cache, cacheDefaults, type Listener, type ResourceChange } from './cache.ts';
