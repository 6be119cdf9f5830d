import { GiB, MiB } from '@kraud/base';

/** Every limit of this package, with its unit. The daemon's config may replace each. */
export interface VolumeLimits {
  /** Size of a volume made without `size`. */
  readonly sizeBytesDefault: number;
  readonly sizeBytesMin: number;
  readonly sizeBytesMax: number;
  /**
   * The length of every disk file, most of it a hole. The same for all data disks of a VM, so that one may take the
   * place of another without the guest seeing a device change its size; the launcher has the same number.
   */
  readonly dataDiskBytes: number;
}

export const defaultVolumeLimits: VolumeLimits = {
  sizeBytesDefault: 10 * GiB,
  sizeBytesMin: 16 * MiB,
  sizeBytesMax: 200 * GiB,
  dataDiskBytes: 256 * GiB,
};
