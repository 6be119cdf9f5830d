import type { Duplex, Readable, Writable } from 'node:stream';
import type {
  ContainerConfig,
  ContainerResources,
  ContainerStats,
  FileChange,
  GuestProcess,
  PathStat,
  PodBody,
} from '@kraud/cradle';

/**
 * What the host agent asks of the agent inside a VM: the calls of `guest/PROTOCOL.md`, typed. Control calls are
 * carried out in the order they are made, so they may be sent without waiting for each other. Faults are
 * `KraudError`s with the guest's code and words; a lost connection is `unavailable`.
 */
export interface Guest {
  info(): Promise<GuestInfo>;
  setPod(pod: PodBody): Promise<void>;
  /** Stops all, syncs, unmounts all. */
  setNetwork(body: Pick<PodBody, 'network' | 'resolv' | 'hosts'>): Promise<void>;
  deletePod(): Promise<void>;
  /** After a wake. */
  setClock(time: { wallClockNs: string; entropy: string }): Promise<void>;

  putContainer(name: string, container: ContainerConfig): Promise<void>;
  /** Resolves once exec succeeded. */
  start(name: string): Promise<{ pid: number; startedAtNs: bigint }>;
  state(name: string): Promise<GuestContainerState>;
  kill(name: string, signal: number): Promise<void>;
  resize(name: string, size: { rows: number; cols: number }): Promise<void>;
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  update(name: string, resources: ContainerResources): Promise<void>;

  /** What the container writes from this offset on; all before it counts as acknowledged. */
  logs(name: string, fromOffset: number, signal: AbortSignal): Promise<GuestLogs>;
  /** Carries all of `source` to the program's stdin, and closes that at its end unless `keepOpen`. One at a time. */
  writeStdin(
    name: string,
    source: Readable,
    options: { keepOpen: boolean; signal: AbortSignal },
  ): Promise<void>;
  exec(name: string, id: string, spec: GuestExecSpec): Promise<GuestExec>;

  stats(name: string): Promise<ContainerStats>;
  top(name: string): Promise<readonly GuestProcess[]>;
  changes(name: string): Promise<readonly FileChange[]>;
  archiveStat(name: string, path: string): Promise<PathStat>;
  archiveGet(name: string, path: string, signal: AbortSignal): Promise<{ stat: PathStat; tar: Readable }>;
  /** `root`: the whole merged root; `upper`: the writable layer with OCI whiteouts. */
  archiveTree(name: string, tree: 'root' | 'upper', signal: AbortSignal): Promise<Readable>;
  archivePut(
    name: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
  ): Promise<void>;

  /** A file in a container that has not been started: read-only, in memory. */
  putFile(
    name: string,
    file: { path: string; mode: number; uid: number; gid: number },
    bytes: Buffer,
  ): Promise<void>;

  /** What this VM asks of a volume that another one has (readable), and the answers (writable). One at a time. */
  linkShare(at: string, signal: AbortSignal): Promise<Duplex>;
  /** What others ask of a volume that this VM has (writable), and the answers (readable). */
  serveShare(at: string, signal: AbortSignal): Promise<Duplex>;
  /** The volume's disk is in its slot now: this VM mounts it and needs no link any more. Safe to repeat. */
  holdShare(at: string): Promise<void>;

  /** Listens on a unix socket in the container. */
  listen(name: string, socket: { path: string; mode: number; uid: number; gid: number }): Promise<string>;
  /** Resolves when a process connected. Both directions end on their own. */
  accept(id: string, signal: AbortSignal): Promise<Duplex>;
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

/** Iteration ends when the container has ended and all was delivered: then `exit` is there. */
export interface GuestLogs extends AsyncIterable<GuestLogEntry> {
  readonly exit: GuestExit | undefined;
  /** Everything below this offset may be dropped. */
  ack(offset: number): void;
  close(): void;
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
