/** The body of `create` once it has been held against the rows: nulls are gone, types are right. */
export interface CreateBody {
  Image?: string;
  Hostname?: string;
  Domainname?: string;
  User?: string;
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  Tty?: boolean;
  OpenStdin?: boolean;
  StdinOnce?: boolean;
  Env?: string[];
  Cmd?: string | string[];
  Entrypoint?: string | string[];
  WorkingDir?: string;
  Labels?: Record<string, string>;
  Volumes?: Record<string, unknown>;
  ExposedPorts?: Record<string, unknown>;
  StopSignal?: string;
  StopTimeout?: number;
  MacAddress?: string;
  NetworkDisabled?: boolean;
  OnBuild?: string[];
  Shell?: string[];
  Healthcheck?: HealthBody;
  HostConfig?: HostBody;
  NetworkingConfig?: { EndpointsConfig?: Record<string, EndpointBody> };
}

export interface HealthBody {
  Test?: string[];
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

export interface ResourceBody {
  Memory?: number;
  MemorySwap?: number;
  MemoryReservation?: number;
  OomKillDisable?: boolean;
  NanoCpus?: number;
  CpuQuota?: number;
  CpuPeriod?: number;
  CpuShares?: number;
  CpusetCpus?: string;
  PidsLimit?: number;
}

export interface HostBody extends ResourceBody {
  Ulimits?: { Name?: string; Soft?: number; Hard?: number }[];
  Binds?: string[];
  Mounts?: MountBody[];
  Tmpfs?: Record<string, string>;
  VolumeDriver?: string;
  VolumesFrom?: string[];
  Links?: string[];
  IpcMode?: string;
  NetworkMode?: string;
  PortBindings?: Record<string, { HostIp?: string; HostPort?: string }[]>;
  PublishAllPorts?: boolean;
  Dns?: string[];
  DnsOptions?: string[];
  DnsSearch?: string[];
  ExtraHosts?: string[];
  RestartPolicy?: { Name?: string; MaximumRetryCount?: number };
  AutoRemove?: boolean;
  CapAdd?: string[];
  CapDrop?: string[];
  Privileged?: boolean;
  SecurityOpt?: string[];
  GroupAdd?: string[];
  ReadonlyRootfs?: boolean;
  ShmSize?: number;
  Sysctls?: Record<string, string>;
  Init?: boolean;
  OomScoreAdj?: number;
  MaskedPaths?: string[];
  ReadonlyPaths?: string[];
  LogConfig?: { Type?: string; Config?: Record<string, string> };
  StorageOpt?: Record<string, string>;
  ConsoleSize?: number[];
  Annotations?: Record<string, string>;
  Devices?: { PathOnHost?: string; PathInContainer?: string; CgroupPermissions?: string }[];
}

export interface MountBody {
  Type?: string;
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  BindOptions?: { CreateMountpoint?: boolean; Propagation?: string };
  VolumeOptions?: {
    NoCopy?: boolean;
    Labels?: Record<string, string>;
    Subpath?: string;
    DriverConfig?: { Name?: string; Options?: Record<string, string> };
  };
  TmpfsOptions?: { SizeBytes?: number; Mode?: number; Options?: unknown };
}

export interface EndpointBody {
  Aliases?: string[];
  Links?: string[];
  MacAddress?: string;
  DriverOpts?: Record<string, string>;
  IPAMConfig?: { IPv4Address?: string };
}
