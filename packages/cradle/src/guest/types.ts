/** The bodies of guest/PROTOCOL.md. Times are nanoseconds since 1970 as decimal strings. */

export interface PodDisk {
  /** Serial of a virtio-blk disk (`d0`; of a share: the slot for its disk, should this VM have to hold it), or… */
  readonly device?: string;
  /** …the tag of a 9p share. */
  readonly tag?: string;
  /** Below the agent's own directory: `images/main`. */
  readonly at: string;
  readonly type: 'squashfs' | 'erofs' | 'ext4' | 'share' | '9p' | 'bind';
  readonly readOnly?: boolean;
}

export interface PodNetwork {
  readonly interface: string;
  readonly mac?: string;
  readonly mtu?: number;
  /** With prefix: `172.17.0.2/16`. */
  readonly addresses: readonly string[];
  readonly gateway4?: string;
  readonly gateway6?: string;
}

export interface PodBody {
  readonly hostname: string;
  readonly domainname?: string;
  /** 32 hex digits. */
  readonly machineId: string;
  readonly wallClockNs: string;
  /** Base64 of at least 64 bytes. */
  readonly entropy: string;
  /** null: loopback only. */
  readonly network: PodNetwork | null;
  readonly resolv?: {
    readonly servers: readonly string[];
    readonly search: readonly string[];
    readonly options: readonly string[];
  };
  /** Pairs of address and names. */
  readonly hosts?: readonly (readonly [string, string])[];
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly disks: readonly PodDisk[];
}

/** 0 means no limit; in an update, a missing member leaves the limit as it is. */
export interface ContainerResources {
  readonly memoryBytes?: number;
  readonly memorySwapBytes?: number;
  readonly cpuQuotaUs?: number;
  readonly cpuPeriodUs?: number;
  readonly cpuShares?: number;
  readonly cpuset?: string;
  readonly pidsMax?: number;
  readonly oomScoreAdj?: number;
  readonly oomKillDisable?: boolean;
}

export type ContainerMount =
  | {
      readonly type: 'volume' | 'host';
      readonly source: string;
      readonly target: string;
      readonly readOnly?: boolean;
      readonly copyUp?: boolean;
      readonly subpath?: string;
    }
  | {
      readonly type: 'tmpfs';
      readonly target: string;
      readonly options?: string;
      readonly readOnly?: boolean;
    };

export interface ContainerConfig {
  readonly image: string;
  /** The disk that holds the writable layer; empty: memory, gone with the VM. */
  readonly writable?: string;
  readonly readOnlyRoot?: boolean;
  readonly args: readonly string[];
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly umask?: number;
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly hostname?: string;
  readonly tty?: boolean;
  readonly rows?: number;
  readonly cols?: number;
  readonly stdin?: boolean;
  readonly init?: boolean;
  readonly capabilities?: readonly string[];
  readonly privileged?: boolean;
  readonly noNewPrivileges?: boolean;
  readonly rlimits?: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
  readonly resources?: ContainerResources;
  readonly shmBytes?: number;
  /** Character devices of the machine's kernel. */
  readonly devices?: readonly { readonly source: string; readonly target: string }[];
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly mounts?: readonly ContainerMount[];
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly shareProcesses?: boolean;
  readonly logBufferBytes?: number;
}

export interface ExecConfig {
  readonly args: readonly string[];
  /** Added to the container's own. */
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly tty?: boolean;
  readonly rows?: number;
  readonly cols?: number;
  readonly stdin?: boolean;
  readonly privileged?: boolean;
  readonly capabilities?: readonly string[];
}

export interface ExitReport {
  /** 128 + signal if a signal ended it. */
  readonly code: number;
  readonly signal: number;
  readonly oomKilled: boolean;
  readonly error: string;
}

export interface ContainerStatus {
  readonly name: string;
  readonly state: 'created' | 'running' | 'paused' | 'exited';
  readonly pid: number;
  readonly startedAtNs: string;
  readonly finishedAtNs: string;
  readonly exit: ExitReport | null;
  /** Where the next log entry will begin. */
  readonly logOffset: string;
}

export interface GuestInfo {
  readonly agent: number;
  readonly kernel: string;
  readonly pod?: { readonly hostname: string; readonly machineId: string };
  readonly containers: readonly ContainerStatus[];
  /** The disks of type `share`. */
  readonly shares?: readonly ShareStatus[];
}

export interface ShareStatus {
  readonly at: string;
  /** `waiting`: whatever touches it stands still. */
  readonly state: 'waiting' | 'linked' | 'held';
}

export interface ExecStatus {
  readonly state: 'running' | 'exited';
  readonly pid: number;
  readonly exit: ExitReport | null;
}

export interface ContainerStats {
  readonly cpuNs: number;
  readonly cpuUserNs: number;
  readonly cpuSystemNs: number;
  readonly memoryBytes: number;
  /** 0: no limit. */
  readonly memoryMaxBytes: number;
  readonly memoryStats: Readonly<Record<string, number>>;
  readonly pids: number;
  /** 0: no limit. */
  readonly pidsMax: number;
  readonly blkio: {
    readonly readBytes: number;
    readonly writeBytes: number;
    readonly readOps: number;
    readonly writeOps: number;
  };
  readonly net: readonly {
    readonly name: string;
    readonly rxBytes: number;
    readonly rxPackets: number;
    readonly rxErrors: number;
    readonly rxDropped: number;
    readonly txBytes: number;
    readonly txPackets: number;
    readonly txErrors: number;
    readonly txDropped: number;
  }[];
  readonly onlineCpus: number;
  readonly systemCpuNs: number;
}

export interface GuestProcess {
  /** As seen in the container. */
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  readonly user?: string;
  readonly state: string;
  readonly startNs: string;
  readonly cpuNs: number;
  readonly tty: string;
  readonly vszBytes: number;
  readonly rssBytes: number;
  readonly args: string;
}

export interface FileChange {
  readonly path: string;
  /** 0 modified, 1 added, 2 deleted. */
  readonly kind: 0 | 1 | 2;
}

export interface PathStat {
  readonly name: string;
  readonly size: number;
  /** As Go's os.FileMode: permission bits, and the type in the high bits. */
  readonly mode: number;
  readonly mtimeNs: string;
  readonly linkTarget: string;
}

export interface LogEntry {
  readonly offset: bigint;
  readonly timeNs: bigint;
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}
