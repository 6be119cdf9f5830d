import type { Pod } from '@kraud/cloud';
import { isZero } from '../../body/rows.ts';
import type { HostBody } from '../draft/body.ts';
import { periodUs, quotaUsOf } from '../draft/resources.ts';
import { givenBody, mainOf } from './given.ts';
import { shownName } from './networks.ts';

/** `HostConfig` of inspect: as it was given, over Docker's defaults, with what has been updated since. */
export function hostConfigOf(pod: Pod): Record<string, unknown> {
  const given: HostBody = givenBody(pod)?.HostConfig ?? {};
  const { spec } = mainOf(pod);
  const { resources } = spec;
  return {
    ...defaults,
    ...asked(given),
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
    // Docker's default is as much swap again as memory.
    MemorySwap: resources.memorySwapBytes ?? (resources.memoryBytes ?? 0) * 2,
    ...cpusOf(pod, given),
    CpusetCpus: resources.cpuset ?? '',
    OomScoreAdj: resources.oomScoreAdj ?? 0,
    OomKillDisable: resources.oomKillDisable ?? false,
    PidsLimit: resources.pidsMax ?? null,
  };
}

/** Without what clients send for "not asked for", so that the default shows. */
function asked(given: HostBody): HostBody {
  const fields = Object.entries(given).filter(([name, value]) => {
    return !isZero(value) && !(name === 'MemorySwappiness' && value === -1);
  });
  return Object.fromEntries(fields);
}

/** `--cpus` and a quota come to the same in the guest; it is shown as it was asked for. */
function cpusOf(pod: Pod, given: HostBody): { NanoCpus: number; CpuPeriod: number; CpuQuota: number } {
  const { cpuPeriodUs, cpuQuotaUs = 0 } = mainOf(pod).spec.resources;
  const cpus = pod.spec.cpus ?? 0;
  const asCpus = given.NanoCpus || cpuPeriodUs === undefined;
  if (!asCpus || cpuQuotaUs !== quotaUsOf(cpus)) {
    const period = cpuPeriodUs === periodUs && !given.CpuPeriod ? 0 : (cpuPeriodUs ?? 0);
    return { NanoCpus: 0, CpuPeriod: period, CpuQuota: cpuQuotaUs };
  }
  return { NanoCpus: Math.round(cpus * 1e9), CpuPeriod: 0, CpuQuota: 0 };
}

export function networkMode(pod: Pod): string {
  const [first] = pod.spec.networks;
  return first ? shownName(first.name) : 'none';
}

function portBindings(pod: Pod): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of pod.spec.ports) {
    // As dockerd, which shows these at the service only.
    if (port.mode === 'ingress') continue;
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
