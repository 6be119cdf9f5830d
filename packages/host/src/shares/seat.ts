import type { HostVm } from '../parts.ts';

/** A pod's VM at a volume: its disks are mounted, and it is up. */
export interface Seat {
  readonly uid: string;
  readonly vm: HostVm;
  /** Which of the VM's volumes it is. */
  readonly index: number;
  /** The volume's place in the guest. */
  readonly at: string;
  /** It will soon be gone: others are asked first to be the keeper. */
  readonly brief: boolean;
}
