import { GiB, KiB, MiB } from '@kraud/base';

/**
 * The apparent size of every root file system image, so that a restored disk slot may show any of them.
 * The files are sparse. The cradle has the same constant.
 */
export const imageDiskBytes = 64 * GiB;

/** What an image may ask of this host at most. The daemon's config can set each. */
export interface ImageLimits {
  /** Files, directories and links in one layer, and in one merged image. */
  readonly entriesMax: number;
  /** Layers in one image. */
  readonly layersMax: number;
  /** All paths, link targets and attributes of one layer, which are kept in memory while it is merged. */
  readonly nameBytesMax: number;
  /** All contents of one image, unpacked. */
  readonly unpackedBytesMax: number;
  /** One file. */
  readonly fileBytesMax: number;
  /** Unpacked bytes for each packed one, once past `ratioFreeBytes`. */
  readonly ratioMax: number;
  readonly ratioFreeBytes: number;
  readonly pathBytesMax: number;
  readonly pathDepthMax: number;
  readonly symlinkBytesMax: number;
  /** All extended attributes of one file. */
  readonly xattrBytesMax: number;
  /** A config or manifest document. */
  readonly documentBytesMax: number;
  /** Files in a `docker save` or OCI archive. */
  readonly archiveFilesMax: number;
  /** One compressed layer. */
  readonly blobBytesMax: number;
}

export const imageLimits: ImageLimits = {
  entriesMax: 1_000_000,
  layersMax: 127,
  nameBytesMax: 256 * MiB,
  unpackedBytesMax: 48 * GiB,
  fileBytesMax: 32 * GiB,
  ratioMax: 1_000,
  ratioFreeBytes: 256 * MiB,
  pathBytesMax: 4 * KiB,
  pathDepthMax: 256,
  symlinkBytesMax: 4 * KiB - 1,
  xattrBytesMax: 64 * KiB,
  documentBytesMax: 8 * MiB,
  archiveFilesMax: 10_000,
  blobBytesMax: 32 * GiB,
};
