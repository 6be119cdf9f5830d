import { GiB, KiB, MiB } from '@kraud/base';

/** What a pod gets when it doesn't say, and the most that it may ask for. All of it can be set in the config. */
export interface PodLimits {
  /** CPUs of a VM whose pod asks for none. */
  vcpusDefault: number;
  vcpusMax: number;
  /** Memory of a VM whose pod sets no limit. */
  memoryMiBDefault: number;
  memoryMiBMax: number;
  /** Smallest memory limit that a container may set, as Docker's. */
  memoryBytesMin: number;
  /** Room in the VM for the guest's kernel and agent, above a container's memory limit. */
  guestOverheadMiB: number;
  /** Quota of a writable layer. */
  writableBytesDefault: number;
  writableBytesMax: number;
  volumeBytesDefault: number;
  shmBytesDefault: number;
  /** Volumes of one pod, bounded by the VM's disk slots. */
  volumesMax: number;
  stopTimeoutMsDefault: number;
  portsMax: number;
  logFileBytesMaxDefault: number;
  logFilesMaxDefault: number;
  /** Milliseconds that a start may take before the caller is told, image preparation included. */
  startTimeoutMs: number;
  /** Milliseconds that a call on a new pod waits for the scheduler to give it a host. */
  placeTimeoutMs: number;
}

export const podLimits: PodLimits = {
  vcpusDefault: 1,
  vcpusMax: 16,
  memoryMiBDefault: 512,
  memoryMiBMax: 65_536,
  memoryBytesMin: 6 * MiB,
  guestOverheadMiB: 64,
  writableBytesDefault: 10 * GiB,
  writableBytesMax: 200 * GiB,
  volumeBytesDefault: 10 * GiB,
  shmBytesDefault: 64 * MiB,
  volumesMax: 6,
  stopTimeoutMsDefault: 10_000,
  portsMax: 1024,
  logFileBytesMaxDefault: 0,
  logFilesMaxDefault: 1,
  startTimeoutMs: 300_000,
  placeTimeoutMs: 30_000,
};

/** What a tenant's whole use is bounded by. */
export interface CloudLimits extends PodLimits {
  /** Execs remembered after their end. */
  execsKept: number;
  execsMax: number;
  imageFactsCached: number;
  /** Milliseconds that who makes a service waits for its image; what takes longer is pulled meanwhile. */
  imageWaitMs: number;
  hostLabelsMax: number;
  /** A secret's bytes are fewer than this; as swarm's. */
  secretBytesLimit: number;
  /** The same for a config. */
  configBytesLimit: number;
}

export const cloudLimits: CloudLimits = {
  ...podLimits,
  execsKept: 1000,
  execsMax: 10_000,
  imageFactsCached: 1000,
  imageWaitMs: 30_000,
  hostLabelsMax: 64,
  secretBytesLimit: 500 * KiB,
  configBytesLimit: 1000 * KiB,
};
