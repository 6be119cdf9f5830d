import type { Readable, Writable } from 'node:stream';
import type {
  ArchivePutOptions,
  Change,
  ExecSpec,
  HostFacts,
  ImageConfig,
  ImageFacts,
  OutputEntry,
  OutputQuery,
  PathStat,
  ProcessInfo,
  Progress,
  RegistryAuth,
  RemoteImage,
  StatsSample,
  TerminalSize,
} from '@kraud/host';
import type {
  Config,
  Event,
  HealthCheck,
  Image,
  Mount,
  Placement,
  Pod,
  PublishedPort,
  Resources,
  RestartPolicy,
  Secret,
  Volume,
  WhyAnswer,
} from '@kraud/macro';
import type { Files } from './files/contract.ts';
import type { Hosts } from './hosts/contract.ts';
import type { Networks } from './networks/contract.ts';
import type { Quotas } from './quotas/contract.ts';
import type { Swarms } from './swarm/contract.ts';
import type { Workloads } from './workloads/contract.ts';

/** Who asks, as established by the transport before any handler runs. */
export interface Caller {
  readonly tenant: string;
  /** Owns the local socket, as with dockerd: may share host paths with its pods. */
  readonly local: boolean;
}

/**
 * What a facade asks for; everything absent takes the image's value, then the default. Facades only translate.
 * `command` replaces the image's entrypoint, and then `args` the image's cmd as well; `args` alone replaces cmd.
 */
export interface ContainerDraft {
  image: string;
  command?: string[];
  args?: string[];
  env?: string[];
  cwd?: string;
  user?: string;
  groups?: string[];
  tty?: boolean;
  stdin?: boolean;
  stdinOnce?: boolean;
  size?: TerminalSize;
  init?: boolean;
  /** Names without `CAP_`, or `ALL`. Applied to the default set: first drop, then add. */
  capAdd?: string[];
  capDrop?: string[];
  privileged?: boolean;
  noNewPrivileges?: boolean;
  rlimits?: { name: string; soft: number; hard: number }[];
  resources?: Resources;
  shmBytes?: number;
  /** Devices that every guest's kernel has, and where they are wanted. */
  devices?: { source: string; target: string }[];
  readOnlyRoot?: boolean;
  /** A volume mount with the name '' makes an anonymous volume. Image `VOLUME`s not covered are added. */
  mounts?: MountDraft[];
  maskedPaths?: string[];
  readonlyPaths?: string[];
  /** `none` switches the image's off; fields left out come from the image's, then from the defaults. */
  health?: 'none' | (Partial<Omit<HealthCheck, 'test'>> & { test?: string[] });
  stopSignal?: string;
  stopTimeoutMs?: number;
  log?: { driver: 'json-file' | 'local' | 'none'; fileBytesMax?: number; filesMax?: number };
}

export type MountDraft =
  | Exclude<Mount, { type: 'volume' }>
  | {
      type: 'volume';
      volume: string;
      target: string;
      readOnly: boolean;
      copyUp: boolean;
      subpath?: string;
      labels?: Record<string, string>;
      driver?: string;
      driverOptions?: Record<string, string>;
    };

/** A network of a draft, by a reference as of `Networks.get`, and the pods on it that go by other names in this one. */
export interface PlaceDraft {
  ref: string;
  aliases: string[];
  ipv4?: string;
  links?: { ref: string; alias: string }[];
}

export interface PodDraft {
  /** '' lets the cloud choose one in Docker's manner (`brave_hopper`). */
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** The facade's own body, kept as given, keyed by facade. */
  given: Record<string, unknown>;
  container: ContainerDraft;
  /** Pods whose volumes and host paths it mounts too. */
  volumesFrom?: { ref: string; readOnly: boolean }[];
  /** '' = the first 12 digits of the uid. */
  hostname: string;
  domainname: string;
  /** Each by a reference, as of `Networks.get`; none: loopback only. */
  networks: PlaceDraft[];
  mac?: string;
  dns: { servers: string[]; search: string[]; options: string[] };
  extraHosts: { name: string; address: string }[];
  sysctls: Record<string, string>;
  ports: PublishedPort[];
  /** Publish every port that the image or the draft exposes, on a free host port. */
  publishAll: boolean;
  exposed: { protocol: 'tcp' | 'udp'; port: number }[];
  restart: RestartPolicy;
  autoRemove: boolean;
  cpus?: number;
  writableBytes?: number;
  placement?: Placement;
}

export interface PodFilter {
  /** Only the ones that have a VM; otherwise all. */
  running?: boolean;
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

/** Use cases about pods. A `ref` is a name, a full uid, or a prefix of one that names just one pod. */
export interface Pods {
  create(caller: Caller, draft: PodDraft): Promise<{ pod: Pod; warnings: string[] }>;
  get(caller: Caller, ref: string): Promise<Pod>;
  list(caller: Caller): Promise<Pod[]>;
  /** Why it is as it is, for people. */
  why(caller: Caller, ref: string): Promise<WhyAnswer & { name: string }>;
  /** What runs becomes a file, and has no VM until somebody needs it. `conflict` says why it can't. */
  sleep(caller: Caller, ref: string): Promise<void>;
  wake(caller: Caller, ref: string): Promise<void>;
  /** Resolves once the container's program runs. `unchanged` when it already does. */
  start(caller: Caller, ref: string): Promise<Pod>;
  /** `timeoutMs` -1 waits for ever; absent takes the container's. `unchanged` when it isn't running. */
  stop(caller: Caller, ref: string, options: { signal?: string; timeoutMs?: number }): Promise<void>;
  restart(caller: Caller, ref: string, options: { signal?: string; timeoutMs?: number }): Promise<void>;
  kill(caller: Caller, ref: string, signal: string): Promise<void>;
  pause(caller: Caller, ref: string): Promise<void>;
  unpause(caller: Caller, ref: string): Promise<void>;
  rename(caller: Caller, ref: string, name: string): Promise<void>;
  update(
    caller: Caller,
    ref: string,
    change: { resources?: Resources; restart?: RestartPolicy; cpus?: number },
  ): Promise<{ warnings: string[] }>;
  /** Takes away a link over the default network; what runs is told nothing new by it. */
  unlink(caller: Caller, ref: string, alias: string): Promise<void>;
  /** Gone when it resolves. */
  remove(caller: Caller, ref: string, options: { force: boolean; volumes: boolean }): Promise<void>;
  prune(caller: Caller, matches: (pod: Pod) => boolean): Promise<{ removed: string[]; freedBytes: number }>;
  /** Resolves with the exit code. `ready` is called once the wait is registered, before any later exit can be missed. */
  wait(
    caller: Caller,
    ref: string,
    condition: WaitCondition,
    options: { ready?: () => void; signal: AbortSignal },
  ): Promise<{ exitCode: number; error: string }>;

  /** As the query says; one that follows a pod that doesn't run gets the run that comes. */
  output(
    caller: Caller,
    ref: string,
    query: OutputQuery,
    signal: AbortSignal,
  ): Promise<AsyncIterable<OutputEntry>>;
  stdin(caller: Caller, ref: string): Promise<Writable>;
  resize(caller: Caller, ref: string, size: TerminalSize): Promise<void>;
  stats(caller: Caller, ref: string): Promise<StatsSample>;
  top(caller: Caller, ref: string): Promise<ProcessInfo[]>;
  changes(caller: Caller, ref: string): Promise<Change[]>;
  archiveStat(caller: Caller, ref: string, path: string): Promise<PathStat>;
  archiveGet(
    caller: Caller,
    ref: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{ stat: PathStat; tar: Readable }>;
  archivePut(
    caller: Caller,
    ref: string,
    path: string,
    tar: Readable,
    options: ArchivePutOptions,
  ): Promise<void>;
  export(caller: Caller, ref: string, signal: AbortSignal): Promise<Readable>;
  size(caller: Caller, ref: string): Promise<{ writableBytes: number; rootBytes: number }>;
  commit(
    caller: Caller,
    ref: string,
    options: {
      reference?: string;
      pause: boolean;
      author: string;
      message: string;
      changes: string[];
      config?: ImageConfig;
    },
  ): Promise<string>;
}

/** An exec as Docker shows it; kept while the daemon lives and for a while after its end. */
export interface ExecRecord {
  readonly id: string;
  readonly podUid: string;
  readonly container: string;
  readonly spec: ExecSpec;
  readonly given: unknown;
  state: 'created' | 'running' | 'exited';
  exitCode: number | null;
  pid: number;
}

export interface Execs {
  create(caller: Caller, podRef: string, spec: ExecSpec, given: unknown): Promise<ExecRecord>;
  get(caller: Caller, id: string): ExecRecord;
  listFor(uid: string): string[];
  /**
   * Starts it. Attached: the session's streams are the caller's. Detached: it runs on its own. `ExecFailure` when the
   * program can't be run, which counts as the exec's end.
   */
  start(caller: Caller, id: string, options: ExecStart): Promise<ExecStreams>;
  resize(caller: Caller, id: string, size: TerminalSize): Promise<void>;
}

export interface ExecStart {
  detach: boolean;
  tty: boolean;
  size?: TerminalSize;
  /** Awaited once nothing speaks against the start any more, and before the program can write anything. */
  begins?: () => Promise<void>;
}

export interface ExecStreams {
  output(): AsyncIterable<{ stream: 'stdout' | 'stderr'; data: Buffer }>;
  readonly stdin: Writable;
  readonly exit: Promise<{ code: number }>;
  detach(): void;
}

/** An image as a tenant has it: the resource with its names, and the facts of its content. */
export interface ImageView {
  image: Image;
  facts: ImageFacts;
}

/** Use cases about images. A `ref` is a reference, an id, or a prefix of an id. */
export interface Images {
  get(caller: Caller, ref: string): Promise<ImageView>;
  list(caller: Caller): Promise<ImageView[]>;
  /** Pods that use it, by uid. */
  users(caller: Caller, id: string): Promise<string[]>;
  pull(
    caller: Caller,
    reference: string,
    options: {
      platform?: string;
      auth?: RegistryAuth;
      allTags?: boolean;
      progress: Progress;
      signal: AbortSignal;
    },
  ): Promise<void>;
  /** Without a tag: all tags of the repository that are here. */
  push(
    caller: Caller,
    reference: string,
    options: { auth?: RegistryAuth; progress: Progress; signal: AbortSignal },
  ): Promise<void>;
  load(
    caller: Caller,
    tar: Readable,
    options: { platform?: string; progress: Progress; signal: AbortSignal },
  ): Promise<void>;
  save(caller: Caller, refs: string[], signal: AbortSignal): Promise<Readable>;
  import(
    caller: Caller,
    tar: Readable,
    options: {
      reference?: string;
      changes: string[];
      message: string;
      platform?: string;
      signal: AbortSignal;
    },
  ): Promise<string>;
  tag(caller: Caller, ref: string, reference: string): Promise<void>;
  /** As Docker: untags, and deletes the image once no name is left. */
  remove(
    caller: Caller,
    ref: string,
    options: { force: boolean; prune: boolean },
  ): Promise<({ untagged: string } | { deleted: string })[]>;
  prune(
    caller: Caller,
    matches: (view: ImageView) => boolean,
  ): Promise<{ removed: ({ untagged: string } | { deleted: string })[]; freedBytes: number }>;
  /**
   * What a name stands for at its registry. One that never was at a registry, or whose registry is away, is described
   * by the image that is here.
   */
  remote(caller: Caller, reference: string, auth?: RegistryAuth): Promise<RemoteImage>;
  login(caller: Caller, registry: string, auth: RegistryAuth): Promise<string>;
}

export interface VolumeView {
  volume: Volume;
  mountpoint: string;
  usedBytes: number;
  /** Pods that refer to it, by uid. */
  users: string[];
}

export interface Volumes {
  /** An existing volume with the same driver and options is answered as it is; with others it is a `conflict`. */
  create(
    caller: Caller,
    draft: { name: string; driver: string; options: Record<string, string>; labels: Record<string, string> },
  ): Promise<VolumeView>;
  get(caller: Caller, name: string): Promise<VolumeView>;
  list(caller: Caller): Promise<VolumeView[]>;
  remove(caller: Caller, name: string, options: { force: boolean }): Promise<void>;
  /** Makes what a pod of a workload mounts and what is missing; anonymous ones go with the pod. Safe to repeat. */
  makeFor(pod: Pod): Promise<void>;
  prune(
    caller: Caller,
    matches: (view: VolumeView) => boolean,
  ): Promise<{ removed: string[]; freedBytes: number }>;
}

export interface Events {
  /** Past ones from `sinceNs`, then live ones, until `untilNs` or the signal. Without `sinceNs` only live ones. */
  stream(
    caller: Caller,
    range: { sinceNs?: bigint; untilNs?: bigint },
    signal: AbortSignal,
  ): AsyncIterable<Event>;
  /** Records something that a facade knows of and macro does not, such as `exec_start`, `attach`. */
  record(
    caller: Caller,
    event: { type: string; action: string; actor: string; attributes: Record<string, string> },
  ): Promise<void>;
}

export interface System {
  info(): Promise<{
    facts: HostFacts;
    pods: { running: number; paused: number; stopped: number };
    images: number;
    instanceId: string;
  }>;
  usage(caller: Caller): Promise<{
    layersBytes: number;
    images: { view: ImageView; sharedBytes: number; users: number }[];
    pods: { pod: Pod; writableBytes: number; rootBytes: number }[];
    volumes: VolumeView[];
  }>;
}

/** Everything that a tenant can do, once, for every facade. */
export interface Cloud {
  readonly hosts: Hosts;
  readonly pods: Pods;
  readonly quotas: Quotas;
  readonly execs: Execs;
  readonly images: Images;
  readonly volumes: Volumes;
  readonly networks: Networks;
  readonly workloads: Workloads;
  readonly swarms: Swarms;
  readonly secrets: Files<Secret>;
  readonly configs: Files<Config>;
  readonly events: Events;
  readonly system: System;
}
