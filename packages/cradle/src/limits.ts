import { MiB } from '@kraud/base';

/** What the cradle allows itself. The daemon's config can set each. */
export interface CradleLimits {
  /** Warm slots at most, of all classes together; 0 = none. */
  readonly warmMax: number;
  /** Moulds at most; 0 = none, and every clone translates its guest anew. */
  readonly mouldsMax: number;
  /** How long a slot that was begun for a pod just made waits for that pod's start; 0 = none is. */
  readonly expectedMs: number;
  /** Claims older than this no longer count as demand. */
  readonly demandWindowMs: number;
  /** A KVM that has not shown a working guest by then counts as broken. */
  readonly probeTimeoutMs: number;
  /** From the start of a template's VM to the guest's first answer; also how long a VM of an earlier daemon may be silent. */
  readonly bootTimeoutMs: number;
  /** The guest's time to sync and let go of its disks at `stop`; then the VM is killed. */
  readonly stopTimeoutMs: number;
  /** What the VMM may use on the host beyond the guest's memory. */
  readonly overheadBytes: number;
  /** Users of VMMs: `uidCount` from `uidFirst` on. */
  readonly uidFirst: number;
  readonly uidCount: number;
}

export const cradleLimits: CradleLimits = {
  warmMax: 3,
  mouldsMax: 2,
  expectedMs: 1_000,
  demandWindowMs: 10 * 60_000,
  probeTimeoutMs: 8_000,
  bootTimeoutMs: 60_000,
  stopTimeoutMs: 10_000,
  overheadBytes: 256 * MiB,
  uidFirst: 200_000,
  uidCount: 60_000,
};
