import type { HealthBody, MountBody } from '../containers/draft/body.ts';

/** The body of `create` and `update` of services once it has been held against the rows. Durations are nanoseconds. */
export interface ServiceBody {
  Name?: string;
  Labels?: Record<string, string>;
  TaskTemplate?: TaskBody;
  Mode?: ModeBody;
  UpdateConfig?: UpdateBody;
  RollbackConfig?: UpdateBody;
  /** Where clients before API 1.25 had them. */
  Networks?: AttachmentBody[];
  EndpointSpec?: EndpointSpecBody;
}

export interface ModeBody {
  Replicated?: { Replicas?: number };
  Global?: object;
  ReplicatedJob?: { MaxConcurrent?: number; TotalCompletions?: number };
  GlobalJob?: object;
}

export interface UpdateBody {
  Parallelism?: number;
  Delay?: number;
  FailureAction?: string;
  Monitor?: number;
  MaxFailureRatio?: number;
  Order?: string;
}

export interface AttachmentBody {
  Target?: string;
  Aliases?: string[];
}

export interface EndpointSpecBody {
  Mode?: string;
  Ports?: PortBody[];
}

export interface PortBody {
  Name?: string;
  Protocol?: string;
  TargetPort?: number;
  PublishedPort?: number;
  PublishMode?: string;
}

export interface TaskBody {
  ContainerSpec?: ContainerSpecBody;
  Resources?: {
    Limits?: { NanoCPUs?: number; MemoryBytes?: number; Pids?: number };
    Reservations?: { NanoCPUs?: number; MemoryBytes?: number; GenericResources?: unknown };
  };
  RestartPolicy?: { Condition?: string; Delay?: number; MaxAttempts?: number; Window?: number };
  Placement?: {
    Constraints?: string[];
    Preferences?: { Spread?: { SpreadDescriptor?: string } }[];
    MaxReplicas?: number;
    Platforms?: { Architecture?: string; OS?: string }[];
  };
  Networks?: AttachmentBody[];
  LogDriver?: { Name?: string; Options?: Record<string, string> };
  ForceUpdate?: number;
  Runtime?: string;
}

export interface ContainerSpecBody {
  Image?: string;
  Labels?: Record<string, string>;
  Command?: string[];
  Args?: string[];
  Hostname?: string;
  Env?: string[];
  Dir?: string;
  User?: string;
  Groups?: string[];
  Privileges?: {
    NoNewPrivileges?: boolean;
    Seccomp?: { Mode?: string };
    AppArmor?: { Mode?: string };
    SELinuxContext?: { Disable?: boolean };
  };
  Init?: boolean;
  StopSignal?: string;
  TTY?: boolean;
  OpenStdin?: boolean;
  ReadOnly?: boolean;
  Mounts?: MountBody[];
  StopGracePeriod?: number;
  Healthcheck?: HealthBody;
  Hosts?: string[];
  DNSConfig?: { Nameservers?: string[]; Search?: string[]; Options?: string[] };
  Secrets?: FileReferenceBody[];
  Configs?: FileReferenceBody[];
  Sysctls?: Record<string, string>;
  CapabilityAdd?: string[];
  CapabilityDrop?: string[];
  Ulimits?: { Name?: string; Soft?: number; Hard?: number }[];
  OomScoreAdj?: number;
}

export interface FileReferenceBody {
  File?: { Name?: string; UID?: string; GID?: string; Mode?: number };
  SecretID?: string;
  SecretName?: string;
  ConfigID?: string;
  ConfigName?: string;
}
