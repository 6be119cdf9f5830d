import { GiB, KiB, MiB } from '@kraud/base';

/** Every limit of the host agent; `daemon` may set each. */
export interface HostLimits {
  /** All kept output of a container that sets no rotation of its own; the oldest goes first. */
  readonly logBytesMax: number;
  /** Output is kept in files of this size when the container sets none. */
  readonly logFileBytes: number;
  /** Spool of a container whose log driver is `none`: only attached clients read it. */
  readonly logSpoolBytes: number;
  /** What a reader of logs holds in memory. */
  readonly logReadBytes: number;
  /** Output that a guest holds until it is written here. */
  readonly guestLogBufferBytes: number;
  /** How long a program waits for room for its output on a full disk before some is dropped. */
  readonly diskFullWaitMs: number;
  /** A file call's VM stays for the next call this long. */
  readonly toolboxIdleMs: number;
  /** How long a guest has to mount a volume's disk when it becomes its keeper; then another pod is asked. */
  readonly shareHoldTimeoutMs: number;
  /** How long a guest has to carry out what takes no time, such as to send a signal, before it is given up. */
  readonly guestAnswerTimeoutMs: number;
  /** After SIGKILL, how long the guest has to report the exit before its VM is ended. */
  readonly killGraceMs: number;
  /** How long a start waits for all VMs of an earlier daemon; those that are silent are waited for beside everything else. */
  readonly adoptPromptMs: number;
  /** A VM of an earlier daemon that doesn't answer within this is taken for lost. */
  readonly adoptTimeoutMs: number;
  /** Connections to one socket mount that may wait to be accepted. */
  readonly socketAcceptsPending: number;
  /** Output of a health probe that is kept. */
  readonly healthOutputBytes: number;
  readonly heartbeatMs: number;
  /** A host that isn't heard of for this long has lost its pods to others; it has ended them itself by then. From 5000. */
  readonly leaseTtlMs: number;
  /** Bytes of free disk below which nothing is started. */
  readonly diskFreeBytesMin: number;
  /** A removal that fails this often in a row is told to who waits for it; it is tried on. */
  readonly removalTries: number;
  /** Events that may wait for a pod's owner. */
  readonly ownerEventsMax: number;
  /** How long a drain waits for what is going on. */
  readonly drainMs: number;
  /** A pod that connections come to from every host is asked to end this long after none of them sends it any more. */
  readonly ingressDrainMs: number;
  /** Bytes of available memory below which no pod is woken. */
  readonly wakeMemoryBytesMin: number;
  /** How often it is looked whether pods are idle that sleep by themselves. */
  readonly idleCheckMs: number;
  /** Share of one CPU up to which a VM is idle that nobody sends anything to. */
  readonly idleCpuMax: number;
  /** How long a pod has to accept a connection to one of its ports. */
  readonly connectTimeoutMs: number;
}

export const hostLimits: HostLimits = {
  logBytesMax: GiB,
  logFileBytes: 64 * MiB,
  logSpoolBytes: 8 * MiB,
  logReadBytes: 256 * KiB,
  guestLogBufferBytes: MiB,
  diskFullWaitMs: 60_000,
  toolboxIdleMs: 300,
  shareHoldTimeoutMs: 60_000,
  guestAnswerTimeoutMs: 30_000,
  killGraceMs: 10_000,
  adoptPromptMs: 2_000,
  adoptTimeoutMs: 10_000,
  socketAcceptsPending: 4,
  healthOutputBytes: 4 * KiB,
  heartbeatMs: 10_000,
  leaseTtlMs: 15_000,
  diskFreeBytesMin: 64 * MiB,
  removalTries: 4,
  ownerEventsMax: 100_000,
  drainMs: 10_000,
  ingressDrainMs: 1000,
  wakeMemoryBytesMin: 128 * MiB,
  idleCheckMs: 1000,
  idleCpuMax: 0.05,
  connectTimeoutMs: 30_000,
};
