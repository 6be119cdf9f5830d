import type { HostFacts } from '@kraud/cloud';
import type { Operation } from '../operation.ts';
import { swarmInfo } from '../swarm/show.ts';

const machine: Record<string, string> = { amd64: 'x86_64', arm64: 'aarch64' };

/** In Docker's manner, which clients print as they are. */
function warningsOf({ accelerator, warnings }: HostFacts): string[] {
  const slow = `no hardware virtualization (${accelerator.reason}): VMs run by emulation`;
  const all = accelerator.kind === 'kvm' ? warnings : [slow, ...warnings];
  return all.map((text) => `WARNING: ${text}`);
}

export const getInfo: Operation = {
  method: 'GET',
  path: '/info',
  async run(cloud, call) {
    const { facts, pods, images, instanceId } = await cloud.system.info();
    const { accelerator, slots } = facts;
    const { serving } = call;
    call.json(200, {
      ID: instanceId,
      Containers: pods.running + pods.paused + pods.stopped,
      ContainersRunning: pods.running,
      ContainersPaused: pods.paused,
      ContainersStopped: pods.stopped,
      Images: images,
      Driver: 'kraud',
      DriverStatus: [
        ['Isolation', 'one microVM per container'],
        ['VMM', facts.vmm],
        ['Accelerator', accelerator.kind],
        ['Accelerator reason', accelerator.reason],
        ['Guest kernel', facts.guestKernel],
        ['Slots', `${slots.running} running, ${slots.warm} of ${slots.warmMax} warm`],
      ],
      Plugins: {
        Volume: ['local'],
        Network: ['bridge', 'null', 'overlay'],
        Authorization: null,
        Log: ['json-file', 'local', 'none'],
      },
      MemoryLimit: true,
      SwapLimit: true,
      CpuCfsPeriod: true,
      CpuCfsQuota: true,
      CPUShares: true,
      CPUSet: true,
      PidsLimit: true,
      IPv4Forwarding: true,
      BridgeNfIptables: false,
      BridgeNfIp6tables: false,
      Debug: false,
      NFd: 0,
      OomKillDisable: true,
      NGoroutines: 0,
      SystemTime: new Date(serving.clock.now()).toISOString(),
      LoggingDriver: 'json-file',
      CgroupDriver: 'none',
      CgroupVersion: '2',
      NEventsListener: 0,
      KernelVersion: facts.kernel,
      OperatingSystem: facts.operatingSystem,
      OSVersion: facts.osVersion,
      OSType: 'linux',
      Architecture: machine[facts.architecture] ?? facts.architecture,
      IndexServerAddress: 'https://index.docker.io/v1/',
      RegistryConfig: {
        AllowNondistributableArtifactsCIDRs: null,
        AllowNondistributableArtifactsHostnames: null,
        InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8'],
        IndexConfigs: { 'docker.io': { Name: 'docker.io', Mirrors: [], Secure: true, Official: true } },
        Mirrors: [],
      },
      NCPU: facts.cpus,
      MemTotal: facts.memoryBytes,
      GenericResources: null,
      DockerRootDir: facts.dataDir,
      HttpProxy: '',
      HttpsProxy: '',
      NoProxy: '',
      Name: facts.hostname,
      Labels: [`kraud.accelerator=${accelerator.kind}`],
      ExperimentalBuild: false,
      ServerVersion: serving.version,
      Runtimes: { kraud: { path: facts.vmm } },
      DefaultRuntime: 'kraud',
      Swarm: await swarmInfo(cloud, call.caller),
      LiveRestoreEnabled: true,
      Isolation: '',
      InitBinary: '',
      ContainerdCommit: { ID: '', Expected: '' },
      RuncCommit: { ID: '', Expected: '' },
      InitCommit: { ID: '', Expected: '' },
      SecurityOptions: ['name=microvm'],
      Warnings: warningsOf(facts),
      Kraud: {
        Accelerator: accelerator.kind,
        Reason: accelerator.reason,
        Vmm: facts.vmm,
        GuestKernel: facts.guestKernel,
        WarmSlots: slots.warm,
        WarmSlotsMax: slots.warmMax,
        Moulds: slots.moulds ?? 0,
        RunningVms: slots.running,
        Asleep: slots.asleep ?? 0,
      },
    });
  },
};
