import type { Clock, Logger, Random } from '@kraud/base';
import type { Accelerator, CradleStatus, SizeClass, VmExit, VmSpec } from '@kraud/cradle';
import type { Images } from '@kraud/images';
import type { Pod, ResourceKey } from '@kraud/macro';
import type { HostNetwork, NetworkSpec } from '@kraud/network';
import type { VolumeDriver } from '@kraud/volumes';
import type { Guest } from './guest/guest.ts';
import type { HostLimits } from './limits.ts';
import type { MayRun } from './liveness/liveness.ts';
import type { ToolboxHolds } from './pods/toolbox-holds.ts';
import type { Shares } from './shares/shares.ts';

/** The pods that are bound to this host: read from a cache, written to the store. */
export interface PodTable {
  /** As last seen. The cache has caught up with the store when the agent starts. */
  list(): Pod[];
  byUid(uid: string): Pod | undefined;
  /** Calls for every change from now on; undefined: the resource is gone, or bound elsewhere. */
  subscribe(listener: (uid: string, pod: Pod | undefined) => void): () => void;
  /**
   * Applies `change` to the present value until it holds against other writers; undefined leaves it as it is.
   * A deleted pod whose last finalizer goes is gone. `not-found` when it is gone already. Once it resolves,
   * `byUid` shows what was written.
   */
  mutate(key: ResourceKey, change: (present: Pod) => Pod | undefined): Promise<Pod>;
}

/** A VM as the host agent uses it: the cradle's, with a typed guest. */
export interface HostVm {
  readonly id: string;
  readonly spec: VmSpec;
  readonly pid: number;
  readonly guest: Guest;
  readonly tap: { readonly netnsPid: number; readonly name: string; readonly mac: string } | undefined;
  readonly accelerator: Accelerator;
  readonly phases:
    | { readonly slotMs: number; readonly disksMs: number; readonly guestMs: number }
    | undefined;
  readonly warm: boolean;
  readonly exited: Promise<VmExit>;
  /** A new connection to the guest, when the old one was lost. */
  reconnect(): Promise<unknown>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  /**
   * It becomes a file, and ends. `asleep` is called once the file is whole, and before it ends. If it fails the VM goes on:
   * `conflict` when it can't sleep.
   */
  sleep(dir: string, options: { readonly asleep: () => void }): Promise<unknown>;
  /** The disk of a volume that was elsewhere comes into its slot, and out of it again. Both are safe to repeat. */
  takeVolume(index: number): Promise<void>;
  dropVolume(index: number): Promise<void>;
}

/** A VM of an earlier daemon. Until `vm` settles, its pod can have no other, and its disks are nobody else's. */
export interface KeptVm {
  readonly spec: VmSpec;
  /** Once its guest has answered; undefined if it never did, and is gone. Never rejects. */
  readonly vm: Promise<HostVm | undefined>;
}

export interface HostCradle {
  /** `isAsleep` says of a VM that was on its way into a file, or out of one, whether the file counts: then the VM is ended. */
  start(options: { readonly isAsleep: (uid: string) => boolean }): Promise<KeptVm[]>;
  /** A claim of this class is likely within moments. */
  expect(size: SizeClass): void;
  claim(spec: VmSpec, signal?: AbortSignal): Promise<HostVm>;
  /**
   * The VM that sleeps there goes on. `awake` is called when it is about to: from then on the file is used up. `corrupt`,
   * `not-found`: it can't be woken, ever.
   */
  wake(
    spec: VmSpec,
    dir: string,
    options: {
      readonly tap?: { readonly netns: string; readonly name: string };
      readonly awake: () => void;
      readonly signal: AbortSignal;
    },
  ): Promise<HostVm>;
  accelerator(): Accelerator;
  status(): CradleStatus;
  close(options: { readonly keepRunning: boolean }): Promise<void>;
  createDisk(path: string, sizeBytes: number): Promise<void>;
}

/** An address that a pod asks for by number. */
export interface FixedPlace {
  readonly network: string;
  readonly address: string;
}

/** Networks that this host's pods may be on, out of the store. */
export interface NetworkSource {
  /** Undefined when there is none of that name. */
  spec(tenant: string, name: string): Promise<NetworkSpec | undefined>;
  /**
   * A pod has these addresses, which it asks for by number, beside those that it has: no other pod of any host.
   * `conflict` when one is somebody else's.
   */
  hold(tenant: string, podId: string, places: readonly FixedPlace[]): Promise<void>;
  /** It hasn't any more, but for these. */
  release(podId: string, keep?: readonly FixedPlace[]): Promise<void>;
  /** The addresses that this host may give are used up: from now on its spec has more. False when there are no more. */
  grow(tenant: string, name: string): Promise<boolean>;
}

/** Secrets and configs, out of the store. */
export interface FileSources {
  /** As this container of the pod is to read it; undefined when there is none of that name. */
  bytes(
    source: 'Secret' | 'Config',
    name: string,
    reader: { pod: Pod; container: string },
  ): Promise<Buffer | undefined>;
}

export interface HostParts {
  /** The Host resource's name: pods with this in `spec.host` are ours. */
  readonly name: string;
  /** `pods/`, one folder per pod, is the agent's own below it. */
  readonly dataDir: string;
  readonly pods: PodTable;
  readonly cradle: HostCradle;
  readonly images: Images;
  /** Resolves once the image is on this host, brought from another one if need be; `not-found` if no host has it. */
  readonly fetchImage: (id: string) => Promise<void>;
  readonly network: HostNetwork;
  readonly networks: NetworkSource;
  readonly volumes: VolumeDriver;
  /**
   * Called before a volume is attached: it is this host's from now on, and its data is here. `conflict` when it is on
   * another host.
   */
  readonly placeVolume: (key: { readonly tenant: string; readonly name: string }) => Promise<void>;
  readonly fileSources: FileSources;
  /** Resolves once this pod of this host does not sleep. */
  readonly awake: (uid: string) => Promise<void>;
  readonly toolboxes: ToolboxHolds;
  readonly shares: Shares;
  readonly liveness: MayRun;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: HostLimits;
}
