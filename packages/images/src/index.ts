export * from './contract.ts';
export { isDigest, parseDigest } from './digest.ts';
export { type ImageLimits, imageDiskBytes, imageLimits } from './limits.ts';
export { defaultDomain, defaultTag, parseTag, Reference } from './reference/reference.ts';
