import type { Pod } from '@kraud/cloud';
import type { HostBody } from '../draft/body.ts';
import { givenBody, mainOf } from './given.ts';

/** `HostConfig` of inspect: as it was given, over Docker's defaults, with what has been updated since. */
export function hostConfigOf(pod: Pod): Record<string, unknown> {
  const given: HostBody = givenBody(pod)?.HostConfig ?? {};
  const { spec } = mainOf(pod);
  const { resources } = spec;
  return {
    ...defaults,
    ...given,
    NetworkMode: networkMode(pod),
    PortBindings: given.PortBindings ?? portBindings(pod),
    RestartPolicy: { Name: pod.spec.restart.name, MaximumRetryCount: pod.spec.restart.retriesMax },
    AutoRemove: pod.spec.autoRemove,
    LogConfig: { Type: spec.log.driver, Config: given.LogConfig?.Config ?? {} },
    Privileged: spec.privileged,
    ReadonlyRootfs: spec.readOnlyRoot,
    ShmSize: spec.shmBytes,
    MaskedPaths: spec.maskedPaths,
    ReadonlyPaths: spec.readonlyPaths,
    CpuShares: resources.cpuShares ?? 0,
    Memory: resources.memoryBytes ?? 0,
    MemoryReservation: resources.memoryReservationBytes ?? 0,
    MemorySwap: resources.memorySwapBytes ?? 0,
    NanoCpus:
      given.NanoCpus || !pod.spec.cpus || given.CpuQuota
        ? nanoCpus(pod, given)
        : Math.round(pod.spec.cpus * 1e9),
    CpuPeriod: given.NanoCpus ? 0 : (resources.cpuPeriodUs ?? 0),
    CpuQuota: given.NanoCpus ? 0 : (resources.cpuQuotaUs ?? 0),
    CpusetCpus: resources.cpuset ?? '',
    OomScoreAdj: resources.oomScoreAdj ?? 0,
    OomKillDisable: resources.oomKillDisable ?? false,
    PidsLimit: resources.pidsMax ?? null,
  };
}

function nanoCpus(pod: Pod, given: HostBody): number {
  return given.NanoCpus && pod.spec.cpus ? Math.round(pod.spec.cpus * 1e9) : (given.NanoCpus ?? 0);
}

export function networkMode(pod: Pod): string {
  const { name } = pod.spec.network;
  return name === 'default' ? 'bridge' : name;
}

function portBindings(pod: Pod): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of pod.spec.ports) {
    const key = `${port.podPort}/${port.protocol}`;
    const binding = { HostIp: port.hostIp, HostPort: port.hostPort === 0 ? '' : String(port.hostPort) };
    bindings[key] = [...(bindings[key] ?? []), binding];
  }
  return bindings;
}

/** What dockerd shows for what nobody set. */
const defaults = {
  Binds: null,
  ContainerIDFile: '',
  VolumeDriver: '',
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  CapAdd: null,
  CapDrop: null,
  CgroupnsMode: 'private',
  Dns: [],
  DnsOptions: [],
  DnsSearch: [],
  ExtraHosts: null,
  GroupAdd: null,
  IpcMode: 'private',
  Cgroup: '',
  Links: null,
  PidMode: '',
  PublishAllPorts: false,
  SecurityOpt: null,
  UTSMode: '',
  UsernsMode: '',
  Runtime: 'kraud',
  Isolation: '',
  CgroupParent: '',
  BlkioWeight: 0,
  BlkioWeightDevice: null,
  BlkioDeviceReadBps: null,
  BlkioDeviceWriteBps: null,
  BlkioDeviceReadIOps: null,
  BlkioDeviceWriteIOps: null,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetMems: '',
  Devices: null,
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemorySwappiness: null,
  Ulimits: null,
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
};
