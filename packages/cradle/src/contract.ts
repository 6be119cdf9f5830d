import { GiB } from '@kraud/base';
import type { GuestClient } from './guest/index.ts';

/**
 * Apparent size of every read-only root image, so that a restored disk slot may show any of them. The files are
 * sparse. `@kraud/images` has the same constant.
 */
export const imageDiskBytes = 64 * GiB;

/** Apparent size of every writable disk and volume; the file system inside is smaller. The files are sparse. */
export const dataDiskBytes = 256 * GiB;

/** The disk slots of every VM, by the serial that the guest knows them by. */
export const diskSlots = {
  images: ['d0', 'd1', 'd2', 'd3'],
  writable: 'd4',
  volumes: ['d5', 'd6', 'd7', 'd8', 'd9', 'd10'],
} as const;

/** Tag of the 9p share that a VM with `hostPaths` has. */
export const hostPathsTag = 'hostpaths';

/** Name of the interface that every guest has. */
export const guestInterface = 'eth0';

/** What a template is made for. Clones of one class differ only in what they are given after the restore. */
export interface SizeClass {
  readonly vcpus: number;
  readonly memoryMiB: number;
  /** Has the 9p device; such a VMM keeps the few capabilities that faithful file ownership needs. */
  readonly hostPaths: boolean;
}

/** What one pod needs from its VM. All paths are absolute, on the file system of the data directory. */
export interface VmSpec {
  /** Pod uid: `[0-9a-f-]{1,64}`. One live VM per id. */
  readonly id: string;
  readonly size: SizeClass;
  /** Read-only disks of `imageDiskBytes`: d0, d1, … */
  readonly images: readonly string[];
  /** The ext4 disk d4, of `dataDiskBytes`. With `create`, made when it does not exist. */
  readonly writable: { readonly path: string; readonly create?: { readonly sizeBytes: number } };
  /** d5, d6, … */
  readonly volumes: readonly VmVolume[];
  /** Directories or files of the host, shown in the 9p share as `0`, `1`, … Read-only ones are mounted so. */
  readonly hostPaths: readonly { readonly source: string; readonly readOnly: boolean }[];
  /** Whether the tap is handed out. */
  readonly network: boolean;
  /** Limits of the VMM on the host. What is absent follows from the size. */
  readonly limits?: { readonly cpus?: number; readonly memoryBytes?: number };
}

/** An ext4 disk of `dataDiskBytes`, which one VM at a time has in its slot. */
export interface VmVolume {
  readonly path: string;
  /**
   * Absent: the VM has the disk from its claim to its end. `elsewhere`: another VM has it, the slot is empty. `taken`: it
   * was elsewhere, and was put into the slot by `takeVolume`. A claim says no `taken`.
   */
  readonly share?: 'elsewhere' | 'taken';
}

/**
 * The host's end of a VM's interface: a tap named `name` in the network namespace of process `netnsPid`. Whoever
 * owns the network moves it (`nsenter -t PID -n ip link set NAME netns …`). It vanishes with the VM.
 */
export interface Tap {
  readonly netnsPid: number;
  readonly name: string;
  /** The address to give the guest's interface. */
  readonly mac: string;
}

export interface Accelerator {
  readonly kind: 'kvm' | 'tcg';
  /** Why, in words for the user. */
  readonly reason: string;
}

export type ExitReason =
  /** We ended it. */
  | 'stopped'
  /** The guest ended itself: panic, power off, reset. */
  | 'guest'
  /** The VMM was killed by a signal from outside. */
  | 'killed'
  /** The host's memory limit of this VM was hit. */
  | 'oom'
  /** The VMM ended by itself. */
  | 'crashed'
  /** It goes on elsewhere, or later: see `Vm.sleep`. */
  | 'asleep';

export interface VmExit {
  readonly reason: ExitReason;
  readonly detail: string;
}

/** Milliseconds of the phases of a claim, or of a wake. */
export interface ClaimPhases {
  /** Getting the slot: next to nothing for a warm one, else making the template if need be and restoring. */
  readonly slotMs: number;
  readonly disksMs: number;
  readonly guestMs: number;
}

export interface VmUsage {
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly pssBytes: number;
}

/** A VM that belongs to one pod. It ends by `stop`, `kill` or by itself; `exited` settles once, never rejects. */
export interface Vm {
  readonly id: string;
  /** As claimed, but for the volumes that were taken since. */
  readonly spec: VmSpec;
  /** The VMM's process on the host. */
  readonly pid: number;
  /** Connected. After a claim nothing was sent for this pod yet: `POST /v1/pod` is the caller's. */
  readonly guest: GuestClient;
  readonly tap: Tap | undefined;
  readonly accelerator: Accelerator;
  /** Absent for a re-adopted VM. */
  readonly phases: ClaimPhases | undefined;
  readonly warm: boolean;
  readonly exited: Promise<VmExit>;
  /** A new connection, when the old one was lost; `guest` is that one from then on. */
  reconnect(): Promise<GuestClient>;
  /** No CPU is used until `resume`. */
  suspend(): Promise<void>;
  resume(): Promise<void>;
  /** The guest syncs and lets go of the disks, the VM ends, everything it had is released. Safe to repeat. */
  stop(): Promise<void>;
  /** As `stop`, without asking the guest. */
  kill(): Promise<void>;
  /**
   * Puts the disk of a volume that was `elsewhere` into its slot; the guest is to be told. `conflict` while another VM has
   * it. Safe to repeat, also for a later daemon; a failure leaves the slot empty.
   */
  takeVolume(index: number): Promise<void>;
  /** Takes such a disk out of its slot again, whatever the guest does with it. Safe to repeat. */
  dropVolume(index: number): Promise<void>;
  usage(): Promise<VmUsage>;
  /**
   * The VM stands still, and all that it is is written to the directory `dir`, which is made: a *sleeper*, which `Cradle.wake` goes
   * on from. `asleep` is called once all of it is on disk, and the VM's disks too, and before the VM ends; what it throws undoes
   * the sleep. When this resolves the VM is gone as after `kill`, and its tap has stayed (persistent) where it is. If anything
   * fails the VM goes on, `dir` is gone, and the tap ends with the VM again: `conflict` with the reason when this VM can't sleep,
   * or not now; `exhausted` when the disk is full; else `unavailable`, or what `signal` or `asleep` said.
   */
  sleep(dir: string, options: SleepOptions): Promise<{ readonly bytes: number }>;
}

export interface SleepOptions {
  /** Synchronous, so that nothing comes between: what it writes down says from then on that the sleeper counts, and not the VM. */
  readonly asleep: () => void;
  readonly signal?: AbortSignal;
}

/** Where a tap has stayed. */
export interface StayedTap {
  /** Path of a network namespace: `/run/netns/NAME`. */
  readonly netns: string;
  readonly name: string;
}

export interface WakeOptions {
  /** Which the VM has again. Without, it has a fresh one, told by `Vm.tap`. */
  readonly tap?: StayedTap;
  /** Synchronous, as `SleepOptions.asleep`: what it writes down says from then on that the VM counts, and not the sleeper. */
  readonly awake: () => void;
  readonly signal?: AbortSignal;
}

export interface StartOptions {
  /**
   * Asked of a VM that was falling asleep in `dir`, or being woken from there, when its daemon died: whether the caller's record
   * says that it is asleep there. Then the VM is ended without having run on; else it goes on, and `dir` is removed before it does.
   */
  readonly isAsleep?: (id: string, dir: string) => boolean;
}

/** A VM of an earlier daemon. Until `vm` settles, its pod can have no other, and its disks are nobody else's. */
export interface KeptVm {
  readonly spec: VmSpec;
  /** Once its guest has answered. Undefined once it is gone because it didn't in time, or when the cradle was closed. Never rejects. */
  readonly vm: Promise<Vm | undefined>;
}

export interface CradleStatus {
  readonly warm: readonly { readonly size: SizeClass; readonly count: number }[];
  readonly warmMax: number;
  /** Of which new VMs are forked. */
  readonly moulds: readonly { readonly size: SizeClass }[];
  readonly running: number;
  readonly templates: readonly { readonly size: SizeClass; readonly key: string }[];
  readonly vmm: string;
  readonly guestKernel: string;
}

/** Makes microVMs. `start` comes first, and once. */
export interface Cradle {
  /**
   * Chooses the accelerator, sweeps what a crash left, answers the VMs of an earlier daemon that still run. They are taken over
   * beside each other, and nothing waits for one that is silent.
   */
  start(options?: StartOptions): Promise<KeptVm[]>;
  /** A claim of this class is likely within moments: without a warm slot, a clone is begun now. */
  expect(size: SizeClass): void;
  /** A VM for this pod, its disks in place and its guest connected. An aborted claim leaves nothing behind. */
  claim(spec: VmSpec, signal?: AbortSignal): Promise<Vm>;
  /**
   * The VM that fell asleep in `dir` goes on, its disks in place and its guest connected; `spec` is what it had then. A sleeper can
   * be used once: `awake` is called when the VM is ready to run its next instruction, and before it does. What fails before, or
   * is thrown by it, leaves the sleeper as it was; after it the sleeper is used up, `dir` is removed soon whatever happens, and
   * `signal` no longer counts. A stayed tap ends with the VM from then on. `not-found`: there is no whole sleeper in `dir`;
   * `corrupt`: it doesn't load (other QEMU, other layout, another VM's, damaged), and is left for the caller to remove;
   * `conflict` as of `claim`.
   */
  wake(spec: VmSpec, dir: string, options: WakeOptions): Promise<Vm>;
  accelerator(): Accelerator;
  status(): CradleStatus;
  /** Ends warm slots; `keepRunning` leaves the pods' VMs for the next daemon. */
  close(options: { readonly keepRunning: boolean }): Promise<void>;
  /** A fresh ext4 disk of `dataDiskBytes` with a file system of `sizeBytes`, fast. `exists` if the file is there. */
  createDisk(path: string, sizeBytes: number): Promise<void>;
}
