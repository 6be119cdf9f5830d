import type { Clock, Logger, Random } from '@kraud/base';
import type { SizeClass, Tap } from './contract.ts';
import type { CradleLimits } from './limits.ts';

/** What runs inside: the kernel, and the agent as the one program of its initramfs. */
export interface GuestFiles {
  readonly kernel: string;
  readonly kernelHash: string;
  readonly kernelVersion: string;
  readonly initramfs: string;
  readonly agentHash: string;
}

export interface CradleOptions {
  /** The cradle's own directory, on the file system that all disks are on. */
  readonly dataDir: string;
  /** For what is worth keeping beyond one data directory: the jail's programs. */
  readonly cacheDir: string;
  readonly guest: GuestFiles;
  readonly vmmPath?: string;
  readonly accelerator?: 'auto' | 'kvm' | 'tcg';
  /** Of which there is always a warm slot, if there are any. */
  readonly defaultSize: SizeClass;
  /** Of the writable disk that most pods ask for. */
  readonly writableBytes: number;
  /** A slot waits for its pod, and this is its tap: a network may prepare it. Nothing waits, a failure is logged. */
  readonly onSlot?: (tap: Tap) => Promise<void>;
  readonly limits: CradleLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}
