export { type CloudImagesParts, cloudImages } from './cloud-images.ts';
export { type FetcherParts, ImageFetcher } from './fetcher.ts';
export { ImageKeeper, type KeeperParts } from './keeper.ts';
export { type ImageLinkLimits, imageLinkLimits } from './limits.ts';
