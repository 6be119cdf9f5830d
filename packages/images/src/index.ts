export * from './contract.ts';
export { isDigest, parseDigest } from './digest.ts';
export { applyChanges } from './image/changes.ts';
export {
  formatPlatform,
  hostPlatform,
  normalise as normalisePlatform,
  parsePlatform,
} from './image/platform.ts';
export { ImageStore, type ImageStoreOptions } from './image-store.ts';
export { type ImageLimits, imageDiskBytes, imageLimits } from './limits.ts';
export { defaultDomain, defaultTag, parseTag, Reference } from './reference/reference.ts';
export { parseRegistryAuth, readRegistryAuth } from './registry/registry-auth.ts';
export { type RegistrySettings, registrySettings } from './registry/settings.ts';
