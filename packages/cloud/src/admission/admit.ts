import { posix } from 'node:path';
import { KraudError, type Random } from '@kraud/base';
import type { ImageFacts } from '@kraud/host';
import type { Container, PodNetwork, PodSpec } from '@kraud/macro';
import type { Caller, PodDraft } from '../contract.ts';
import type { PodLimits } from '../limits.ts';
import { placementWithBand } from './band.ts';
import { resolveCapabilities } from './capabilities.ts';
import { resolveDevices } from './devices.ts';
import { resolveHealth } from './health.ts';
import { type OptionsOf, resolveMounts, type WantedVolume } from './mounts.ts';
import { checkPortCount, resolveExposed, resolvePorts } from './ports.ts';
import { resolveArgs, resolveEnv } from './process.ts';
import { parseSignal } from './signals.ts';
import { sizeClass } from './size.ts';
import { sleepOf } from './sleep.ts';

/** What Docker hides from containers by default. */
const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export interface Admitted {
  spec: PodSpec;
  volumes: WantedVolume[];
  warnings: string[];
}

/**
 * What a draft becomes with this image: complete, checked, and decided once. Pure: nothing is made here, so a
 * refusal changes nothing.
 */
export function admit(
  draft: PodDraft,
  image: ImageFacts,
  context: {
    caller: Caller;
    uid: string;
    limits: PodLimits;
    random: Random;
    networks: readonly PodNetwork[];
    templated?: boolean;
    optionsOf?: OptionsOf;
  },
): Admitted {
  const { caller, uid, limits, random, networks, templated = false, optionsOf } = context;
  const want = draft.container;
  const warnings: string[] = [];
  const config = image.config;

  const resources = want.resources ?? {};
  if (resources.memorySwapBytes && resources.memorySwapBytes > 0) {
    if (!resources.memoryBytes) {
      throw new KraudError(
        'invalid',
        'You should always set the Memory limit when using Memoryswap limit, see usage',
      );
    }
    if (resources.memorySwapBytes < resources.memoryBytes) {
      throw new KraudError(
        'invalid',
        'Minimum memoryswap limit should be larger than memory limit, see usage',
      );
    }
  }
  if (
    resources.memoryReservationBytes &&
    resources.memoryBytes &&
    resources.memoryReservationBytes > resources.memoryBytes
  ) {
    throw new KraudError(
      'invalid',
      'Minimum memory limit can not be less than memory reservation limit, see usage',
    );
  }
  const quotaCpus =
    resources.cpuQuotaUs && resources.cpuQuotaUs > 0
      ? resources.cpuQuotaUs / (resources.cpuPeriodUs || 100_000)
      : undefined;
  const cpus = draft.cpus ?? quotaCpus;
  const { memoryBytes, cpuset } = resources;
  const size = sizeClass(
    {
      ...(memoryBytes ? { memoryBytes } : {}),
      ...(cpus ? { cpus } : {}),
      ...(cpuset ? { cpuset } : {}),
    },
    limits,
  );

  const { mounts, volumes } = resolveMounts(want.mounts ?? [], config.volumes ?? [], caller, {
    random,
    templated,
    ...(optionsOf ? { optionsOf } : {}),
  });
  if (volumes.length > limits.volumesMax) {
    throw new KraudError(
      'unsupported',
      `a pod has at most ${limits.volumesMax} volumes, this one asks for ${volumes.length}`,
    );
  }

  const writableBytes = draft.writableBytes ?? limits.writableBytesDefault;
  if (writableBytes > limits.writableBytesMax) {
    throw new KraudError(
      'invalid',
      `writable layer of ${writableBytes} bytes is more than ${limits.writableBytesMax}`,
    );
  }

  const cwd = want.cwd || config.workingDir || '/';
  if (!posix.isAbsolute(cwd)) {
    throw new KraudError(
      'invalid',
      `the working directory '${cwd}' is invalid, it needs to be an absolute path`,
    );
  }
  const stopSignal = parseSignal(want.stopSignal || config.stopSignal || 'SIGTERM');
  const health = resolveHealth(want.health, config.healthcheck);

  const container: Container = {
    name: 'main',
    image: { name: want.image, id: image.id },
    args: resolveArgs(want, config),
    env: resolveEnv(want.env ?? [], config.env ?? []),
    cwd: posix.normalize(cwd).replace(/(.)\/+$/, '$1'),
    user: want.user || config.user || '',
    groups: want.groups ?? [],
    tty: want.tty ?? false,
    stdin: want.stdin ?? false,
    stdinOnce: want.stdinOnce ?? false,
    ...(want.size ? { rows: want.size.rows, cols: want.size.cols } : {}),
    init: want.init ?? false,
    capabilities: resolveCapabilities(want.capAdd ?? [], want.capDrop ?? [], want.privileged ?? false),
    privileged: want.privileged ?? false,
    noNewPrivileges: want.noNewPrivileges ?? false,
    rlimits: want.rlimits ?? [],
    resources,
    shmBytes: want.shmBytes ?? limits.shmBytesDefault,
    ...(want.devices?.length ? { devices: resolveDevices(want.devices) } : {}),
    readOnlyRoot: want.readOnlyRoot ?? false,
    mounts,
    maskedPaths: want.privileged ? [] : (want.maskedPaths ?? maskedPaths),
    readonlyPaths: want.privileged ? [] : (want.readonlyPaths ?? readonlyPaths),
    ...(health ? { health } : {}),
    stopSignal,
    stopTimeoutMs: want.stopTimeoutMs ?? limits.stopTimeoutMsDefault,
    log: {
      driver: want.log?.driver ?? 'json-file',
      fileBytesMax: want.log?.fileBytesMax ?? limits.logFileBytesMaxDefault,
      filesMax: want.log?.filesMax ?? limits.logFilesMaxDefault,
    },
  };

  const exposed = resolveExposed(draft, config.exposedPorts ?? []);
  const ports = resolvePorts(draft, exposed);
  checkPortCount(ports, limits);
  if (ports.length > 0 && networks.length === 0) {
    warnings.push('Published ports are discarded when using network mode none');
    ports.length = 0;
  }
  if (draft.autoRemove && draft.restart.name !== 'no') {
    throw new KraudError('invalid', "can't create 'AutoRemove' container with restart policy");
  }
  if (draft.restart.name !== 'on-failure' && draft.restart.retriesMax > 0) {
    throw new KraudError(
      'invalid',
      `invalid restart policy: maximum retry count can only be used with 'on-failure'`,
    );
  }

  const placement = placementWithBand(draft.placement, draft.labels);
  const sleep = sleepOf(draft.labels, container);
  const spec: PodSpec = {
    containers: [container],
    hostname: draft.hostname || uid.slice(0, 12),
    domainname: draft.domainname,
    networks: [...networks],
    ...(draft.mac === undefined ? {} : { mac: draft.mac }),
    dns: draft.dns,
    extraHosts: draft.extraHosts,
    sysctls: draft.sysctls,
    ports,
    ...(exposed.length > 0 ? { exposed } : {}),
    restart: draft.restart,
    autoRemove: draft.autoRemove,
    ...size,
    ...(cpus ? { cpus } : {}),
    writableBytes,
    ...(sleep === undefined ? {} : { sleep }),
    ...(placement === undefined ? {} : { placement }),
    run: { wanted: 'created', serial: 0, stoppedByUser: false },
  };
  return { spec, volumes, warnings };
}
