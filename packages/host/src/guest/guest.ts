import type { Readable, Writable } from 'node:stream';

/**
 * What the host agent asks of the agent inside a VM: the calls of `guest/PROTOCOL.md`, typed. Control calls are
 * carried out in the order they are made, so they may be sent without waiting for each other. Faults are
 * `KraudError`s with the guest's code and words; a lost connection is `unavailable`.
 */
export interface Guest {
  info(): Promise<GuestInfo>;
  setPod(pod: GuestPod): Promise<void>;
  /** Stops all, syncs, unmounts all. */
  deletePod(): Promise<void>;

  putContainer(name: string, container: GuestContainer): Promise<void>;
  /** Resolves once exec succeeded. */
  start(name: string): Promise<{ pid: number; startedAtNs: bigint }>;
  state(name: string): Promise<GuestContainerState>;
  kill(name: string, signal: number): Promise<void>;
  resize(name: string, size: { rows: number; cols: number }): Promise<void>;
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  update(name: string, resources: object): Promise<void>;

  /** From the first unacknowledged entry on. */
  logs(name: string, signal: AbortSignal): GuestLogs;
  /** Ending it closes the program's stdin unless `keep`; destroying it never does. */
  stdin(name: string, options: { keep: boolean }): Writable;
  exec(name: string, id: string, spec: GuestExecSpec): Promise<GuestExec>;

  stats(name: string): Promise<GuestStats>;
  top(name: string): Promise<GuestProcess[]>;
  changes(name: string): Promise<{ path: string; kind: number }[]>;
  archiveStat(name: string, path: string): Promise<GuestPathStat>;
  archiveGet(name: string, path: string): Promise<{ stat: GuestPathStat; tar: Readable }>;
  /** `root`: the whole merged root; `upper`: the writable layer with OCI whiteouts. */
  archiveTree(name: string, tree: 'root' | 'upper'): Promise<Readable>;
  archivePut(
    name: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
  ): Promise<void>;

  /** Listens on a unix socket in the container. */
  listen(name: string, socket: { path: string; mode: number; uid: number; gid: number }): Promise<string>;
  /** Resolves when a process connected. Both directions end on their own. */
  accept(id: string, signal: AbortSignal): Promise<{ readable: Readable; writable: Writable }>;
}

export interface GuestInfo {
  /** Whether `setPod` was carried out. */
  pod: boolean;
  containers: (GuestContainerState & { name: string })[];
}

export interface GuestExit {
  code: number;
  signal: number;
  oomKilled: boolean;
  error: string;
}

export interface GuestContainerState {
  state: 'created' | 'running' | 'paused' | 'exited';
  startedAtNs?: bigint;
  finishedAtNs?: bigint;
  exit?: GuestExit;
}

export interface GuestLogEntry {
  offset: number;
  timeNs: bigint;
  /** 1 stdout, 2 stderr. */
  stream: 1 | 2;
  data: Buffer;
}

export interface GuestLogs {
  /** Batches as they arrive; the last thing is the exit. Not reading holds the guest back. */
  batches(): AsyncIterable<{ entries: GuestLogEntry[]; exit?: GuestExit }>;
  /** Everything below this offset may be dropped. */
  ack(offset: number): void;
}

export interface GuestExecSpec {
  args: string[];
  env: string[];
  cwd: string;
  user: string;
  tty: boolean;
  stdin: boolean;
  privileged: boolean;
  rows: number;
  cols: number;
}

export interface GuestExec {
  readonly pid: number;
  output(): AsyncIterable<{ stream: 'stdout' | 'stderr'; data: Buffer }>;
  readonly stdin: Writable;
  readonly exit: Promise<GuestExit>;
  resize(size: { rows: number; cols: number }): Promise<void>;
  kill(signal: number): Promise<void>;
  /** Gives up the streams; the process goes on. */
  detach(): void;
}

/** Body of `POST /v1/pod`. */
export interface GuestPod {
  hostname: string;
  domainname: string;
  machineId: string;
  wallClockNs: string;
  entropy: string;
  network: {
    interface: string;
    mac: string;
    mtu: number;
    addresses: readonly string[];
    gateway4: string;
    gateway6: string;
  } | null;
  resolv: { servers: readonly string[]; search: readonly string[]; options: readonly string[] };
  hosts: readonly (readonly [string, string])[];
  sysctls: Readonly<Record<string, string>>;
  disks: GuestDisk[];
}

export type GuestDisk =
  | { device: string; at: string; type: string; readOnly: boolean }
  | { tag: string; at: string; type: '9p' };

/** Body of `PUT /v1/containers/NAME`. */
export interface GuestContainer {
  image: string;
  writable: string;
  readOnlyRoot: boolean;
  args: string[];
  env: string[];
  cwd: string;
  umask: number;
  user: string;
  groups: string[];
  hostname: string;
  tty: boolean;
  rows: number;
  cols: number;
  stdin: boolean;
  init: boolean;
  capabilities: string[];
  privileged: boolean;
  noNewPrivileges: boolean;
  rlimits: { name: string; soft: number; hard: number }[];
  resources: GuestResources;
  shmBytes: number;
  sysctls: Record<string, string>;
  mounts: GuestMount[];
  maskedPaths: string[];
  readonlyPaths: string[];
  shareProcesses: boolean;
  logBufferBytes: number;
}

export interface GuestResources {
  memoryBytes: number;
  memorySwapBytes: number;
  cpuQuotaUs: number;
  cpuPeriodUs: number;
  cpuShares: number;
  cpuset: string;
  pidsMax: number;
  oomScoreAdj: number;
  oomKillDisable: boolean;
}

export type GuestMount =
  | {
      type: 'volume';
      source: string;
      target: string;
      readOnly: boolean;
      copyUp: boolean;
      subpath: string;
    }
  | { type: 'tmpfs'; target: string; options: string }
  | { type: 'host'; source: string; target: string; readOnly: boolean };

export interface GuestStats {
  cpuNs: number;
  cpuUserNs: number;
  cpuSystemNs: number;
  memoryBytes: number;
  memoryMaxBytes: number;
  memoryStats: Record<string, number>;
  pids: number;
  pidsMax: number;
  blkio: { readBytes: number; writeBytes: number; readOps: number; writeOps: number };
  net: {
    name: string;
    rxBytes: number;
    rxPackets: number;
    rxErrors: number;
    rxDropped: number;
    txBytes: number;
    txPackets: number;
    txErrors: number;
    txDropped: number;
  }[];
  onlineCpus: number;
  systemCpuNs: number;
}

export interface GuestProcess {
  pid: number;
  ppid: number;
  uid: number;
  user?: string;
  state: string;
  startNs: string;
  cpuNs: number;
  tty: string;
  vszBytes: number;
  rssBytes: number;
  args: string;
}

export interface GuestPathStat {
  name: string;
  size: number;
  mode: number;
  mtimeNs: string;
  linkTarget: string;
}
