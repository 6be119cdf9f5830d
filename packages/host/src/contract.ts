import type { Duplex, Readable, Writable } from 'node:stream';
import type { PodNetwork } from '@kraud/macro';

/**
 * What the use cases ask of the host that a pod is bound to. In one process it is the host agent itself; between
 * hosts a client with the same methods. Pods are named by uid. Nothing here decides policy.
 *
 * Calls on a pod that has no VM (created, exited) work where they are about files: the host opens the pod's
 * disks in a VM for the time of the call.
 */
export interface HostApi {
  readonly name: string;

  /**
   * Entries of a container's output, oldest first. Ends as `follow` says, or when the signal aborts. A run that begins
   * after this has resolved is seen from its first byte, whenever the entries are read.
   */
  output(
    uid: string,
    container: string,
    query: OutputQuery,
    signal: AbortSignal,
  ): Promise<AsyncIterable<OutputEntry>>;
  /** A container's stdin. Ending it closes stdin for good (not on a tty); destroying it only detaches. */
  stdin(uid: string, container: string): Promise<Writable>;
  resize(uid: string, container: string, size: TerminalSize): Promise<void>;
  /** Sends a signal to the container's first process now. `conflict` when it isn't running. */
  kill(uid: string, container: string, signal: number): Promise<void>;

  exec(uid: string, container: string, spec: ExecSpec): Promise<ExecSession>;
  stats(uid: string, container: string): Promise<StatsSample>;
  top(uid: string, container: string): Promise<ProcessInfo[]>;

  changes(uid: string, container: string): Promise<Change[]>;
  archiveStat(uid: string, container: string, path: string): Promise<PathStat>;
  archiveGet(
    uid: string,
    container: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{ stat: PathStat; tar: Readable }>;
  archivePut(
    uid: string,
    container: string,
    path: string,
    tar: Readable,
    options: ArchivePutOptions,
  ): Promise<void>;
  /** The whole root file system as one tar. */
  export(uid: string, container: string, signal: AbortSignal): Promise<Readable>;
  /** The writable layer becomes an image; answers its id. */
  commit(uid: string, container: string, options: CommitOptions): Promise<string>;
  /** Bytes that the container's own layer holds on disk, and those of its image. */
  size(uid: string, container: string): Promise<{ writableBytes: number; rootBytes: number }>;
  /** New cgroup limits for a container that runs; kept in the spec by the caller. */
  update(uid: string, container: string, resources: object): Promise<void>;

  /** What runs becomes a file, and has no VM; its status has said so. `conflict` says why it can't. One that sleeps already is fine. */
  sleep(uid: string, container: string): Promise<void>;
  /** Resolves once it doesn't sleep, and its status says so. */
  wake(uid: string, container: string): Promise<void>;

  /** Puts a pod that runs on these networks instead of those that it is on; kept in the spec by the caller. */
  rejoin(uid: string, container: string, networks: readonly PodNetwork[]): Promise<void>;

  readonly images: HostImages;
  readonly volumes: HostVolumes;
  readonly ports: HostPorts;
  facts(): Promise<HostFacts>;
}

export interface OutputQuery {
  stdout: boolean;
  stderr: boolean;
  /** `start`: all that is kept; `end`: only what comes after this call; a number: that many last lines. */
  from: 'start' | 'end' | number;
  sinceNs?: bigint;
  untilNs?: bigint;
  /** `no`: up to what is there now. `run`: until the present run ends, or, when none is on, the next one. */
  follow: 'no' | 'run';
  /** The serial of the run that is meant by `run`: if that is over by now, nothing is waited for. */
  run?: number;
  /** Entries may hold several lines: for readers that only pass bytes on. */
  chunks?: boolean;
}

/** A piece of output: at most one line; `data` includes the line's end when it has one. */
export interface OutputEntry {
  stream: 'stdout' | 'stderr';
  timeNs: bigint;
  data: Buffer;
}

export interface TerminalSize {
  rows: number;
  cols: number;
}

export interface ExecSpec {
  args: string[];
  env: string[];
  cwd: string;
  user: string;
  /** Besides those that the user is in. */
  groups?: string[];
  tty: boolean;
  stdin: boolean;
  privileged: boolean;
  size?: TerminalSize;
}

/** A process started in a running container. Reads and writes are flow-controlled down to the process. */
export interface ExecSession {
  /** Pid inside the container. */
  readonly pid: number;
  /** With a tty everything comes as `stdout`. */
  output(): AsyncIterable<{ stream: 'stdout' | 'stderr'; data: Buffer }>;
  readonly stdin: Writable;
  resize(size: TerminalSize): Promise<void>;
  readonly exit: Promise<{ code: number }>;
  /** Gives up the streams; the process goes on. */
  detach(): void;
}

export interface StatsSample {
  readAtMs: number;
  cpuNs: number;
  cpuUserNs: number;
  cpuSystemNs: number;
  /** All CPUs' time since the VM's start, to put `cpuNs` in relation to. */
  systemCpuNs: number;
  onlineCpus: number;
  memoryBytes: number;
  memoryMaxBytes: number;
  memoryStats: Record<string, number>;
  pids: number;
  pidsMax: number;
  block: { readBytes: number; writeBytes: number; readOps: number; writeOps: number };
  network: {
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
}

export interface ProcessInfo {
  pid: number;
  ppid: number;
  uid: number;
  user: string;
  state: string;
  startNs: bigint;
  cpuNs: number;
  tty: string;
  vszBytes: number;
  rssBytes: number;
  args: string;
}

export interface Change {
  path: string;
  kind: 'modified' | 'added' | 'deleted';
}

export interface PathStat {
  name: string;
  sizeBytes: number;
  /** Go's os.FileMode bits, as Docker's header wants them. */
  mode: number;
  mtime: string;
  linkTarget: string;
}

export interface ArchivePutOptions {
  noOverwriteDirNonDir: boolean;
  copyUidGid: boolean;
}

export interface ImageConfig {
  user?: string;
  exposedPorts?: string[];
  env?: string[];
  entrypoint?: string[];
  cmd?: string[];
  volumes?: string[];
  workingDir?: string;
  labels?: Record<string, string>;
  stopSignal?: string;
  shell?: string[];
  onBuild?: string[];
  healthcheck?: {
    test: string[];
    intervalNs?: number;
    timeoutNs?: number;
    startPeriodNs?: number;
    startIntervalNs?: number;
    retries?: number;
  };
}

export interface CommitOptions {
  pause: boolean;
  author: string;
  message: string;
  /** Dockerfile instructions: `CMD …`, `ENV …`. */
  changes: string[];
  /** The config of the new image before `changes`; absent = the container's image's. */
  config?: ImageConfig;
}

/** Everything that `docker image inspect` and `history` need. */
export interface ImageFacts {
  id: string;
  createdAt: string;
  author: string;
  comment: string;
  architecture: string;
  variant: string;
  os: string;
  parentId: string;
  config: ImageConfig;
  diffIds: string[];
  /** Sum of the layers' unpacked bytes. */
  sizeBytes: number;
  history: {
    createdAt: string;
    createdBy: string;
    comment: string;
    emptyLayer: boolean;
    sizeBytes: number;
  }[];
}

/** Docker's own progress message: `{status, id, progressDetail…}`, `{stream}` or `{aux}`. */
export type Progress = (message: Record<string, unknown>) => void;

export interface RegistryAuth {
  username?: string;
  password?: string;
  identityToken?: string;
  registryToken?: string;
}

/** What a name stands for at its registry. */
export interface RemoteImage {
  mediaType: string;
  digest: string;
  sizeBytes: number;
  platforms: { os: string; architecture: string; variant?: string }[];
}

export interface ImageManifest {
  bytes: Uint8Array;
  mediaType: string;
  parent?: string;
}

export interface HostImages {
  facts(id: string): Promise<ImageFacts>;
  /** `reference` is full. Answers the image's id and the digest it was pulled by. */
  pull(
    reference: string,
    options: { platform?: string; auth?: RegistryAuth; progress: Progress; signal: AbortSignal },
  ): Promise<{ id: string; digest: string; alreadyPresent: boolean }>;
  push(
    id: string,
    reference: string,
    options: { auth?: RegistryAuth; progress: Progress; signal: AbortSignal },
  ): Promise<{ digest: string; sizeBytes: number }>;
  /** Images of an archive made by `docker save` or of an OCI layout, with the full names it carries. */
  load(
    tar: Readable,
    options: { platform?: string; progress: Progress; signal: AbortSignal },
  ): Promise<{ id: string; names: string[] }[]>;
  save(images: { id: string; names: string[] }[], signal: AbortSignal): Promise<Readable>;
  import(
    tar: Readable,
    options: { changes: string[]; message: string; platform?: string; signal: AbortSignal },
  ): Promise<string>;
  /** Forgets the image; layers that no other image has are freed. Answers the freed layers' diff ids. */
  remove(id: string): Promise<string[]>;
  /** Bytes on disk of all layers, each counted once; by image: its size, and how much of it others share. */
  usage(): Promise<{
    layersBytes: number;
    images: Record<string, { sizeBytes: number; sharedBytes: number }>;
  }>;
  /** Makes the image ready to run now, so that the first start needn't. */
  prepare(id: string): Promise<void>;
  /** For another host that makes the same image: its manifest, and the blobs that it names from byte `start` on. */
  manifest(id: string): Promise<ImageManifest>;
  blob(digest: string, start: number, signal: AbortSignal): Promise<Readable>;
  /** Who logs in: answers the status line, or `unauthenticated`. */
  login(registry: string, auth: RegistryAuth): Promise<string>;
  /** What the registry says of a full name. */
  remote(reference: string, auth?: RegistryAuth): Promise<RemoteImage>;
  /** Of the name's repository, at its registry. */
  tags(reference: string, auth?: RegistryAuth): Promise<string[]>;
}

export interface HostVolumes {
  create(key: { tenant: string; name: string }, options: { sizeBytes: number }): Promise<void>;
  remove(key: { tenant: string; name: string }): Promise<void>;
  usage(key: { tenant: string; name: string }): Promise<number>;
  /** Where the volume's disk file is on the host. */
  path(key: { tenant: string; name: string }): Promise<string>;
}

/** Ways into the ports of a pod that runs on the host. */
export interface HostPorts {
  /** A TCP connection. Each direction ends by itself. `unavailable` when nobody accepts it in time. */
  connect(uid: string, port: number, signal: AbortSignal): Promise<Duplex>;
  /**
   * Datagrams to a UDP port from an address of their own, and what is answered to it, until the signal. As ever, one may
   * be lost on the way.
   */
  datagrams(
    uid: string,
    port: number,
    received: (data: Buffer) => void,
    signal: AbortSignal,
  ): Promise<(data: Buffer) => void>;
}

export interface HostFacts {
  hostname: string;
  cpus: number;
  memoryBytes: number;
  kernel: string;
  guestKernel: string;
  operatingSystem: string;
  osVersion: string;
  architecture: string;
  accelerator: { kind: 'kvm' | 'tcg'; reason: string };
  vmm: string;
  dataDir: string;
  slots: { warm: number; running: number; warmMax: number; moulds?: number; asleep?: number };
  /** What is amiss with this machine, for people. */
  warnings: readonly string[];
}
