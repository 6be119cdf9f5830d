import { posix } from 'node:path';
import { KraudError, type Random } from '@kraud/base';
import {
  type ContainerConfig,
  type ContainerMount,
  type ContainerResources,
  diskSlots,
  guestInterface,
  hostPathsTag,
  type PodBody,
  type PodDisk,
} from '@kraud/cradle';
import type { Container, Pod, Resources } from '@kraud/macro';
import type { Reservation } from '@kraud/network';
import type { VolumeRole } from '@kraud/volumes';
import { splitSysctls } from './sysctls.ts';

/** What a pod's containers share of disks and host paths, in the order in which the VM shows them. */
export interface PodDisks {
  /** Image ids: d0, d1, … */
  readonly images: readonly string[];
  /** Volumes: d5, d6, … `readOnly` when no container writes. */
  readonly volumes: readonly { readonly name: string; readonly readOnly: boolean }[];
  /** Host paths: 0, 1, … of the 9p share. */
  readonly hostPaths: readonly { readonly source: string; readonly readOnly: boolean }[];
  /** Unix sockets of the host, by container. */
  readonly sockets: readonly {
    readonly container: string;
    readonly source: string;
    readonly target: string;
  }[];
}

export function disksOf(pod: Pod): PodDisks {
  const images = [...new Set(pod.spec.containers.map((container) => container.image.id))];
  const volumes = new Map<string, boolean>();
  const hostPaths = new Map<string, boolean>();
  const sockets: { container: string; source: string; target: string }[] = [];
  for (const container of pod.spec.containers) {
    for (const mount of container.mounts) {
      switch (mount.type) {
        case 'volume':
          volumes.set(mount.volume, (volumes.get(mount.volume) ?? true) && mount.readOnly);
          break;
        case 'host':
          hostPaths.set(mount.source, (hostPaths.get(mount.source) ?? true) && mount.readOnly);
          break;
        case 'socket':
          sockets.push({ container: container.name, source: mount.source, target: mount.target });
          break;
        case 'tmpfs':
        case 'file':
          break;
      }
    }
  }
  if (images.length > diskSlots.images.length || volumes.size > diskSlots.volumes.length) {
    throw new KraudError(
      'unsupported',
      `a pod has at most ${diskSlots.images.length} images and ${diskSlots.volumes.length} volumes`,
    );
  }
  return {
    images,
    volumes: [...volumes].map(([name, readOnly]) => ({ name, readOnly })),
    hostPaths: [...hostPaths].map(([source, readOnly]) => ({ source, readOnly })),
    sockets,
  };
}

/** Body of `POST /v1/pod`. */
export function podBody(
  pod: Pod,
  given: {
    readonly disks: PodDisks;
    /** As what the VM has each of the volumes. */
    readonly roles: readonly VolumeRole[];
    readonly imageFormat: 'squashfs' | 'erofs';
    readonly reservation: Reservation | undefined;
    readonly nowMs: number;
    readonly random: Random;
  },
): PodBody {
  const { disks, roles, reservation } = given;
  const slot = (slots: readonly string[], index: number): string => slots[index] ?? '';
  const list: PodDisk[] = disks.images.map((_, index) => ({
    device: slot(diskSlots.images, index),
    at: `images/${index}`,
    type: given.imageFormat,
    readOnly: true,
  }));
  list.push({ device: diskSlots.writable, at: 'writable', type: 'ext4', readOnly: false });
  // Always writable, for those that share it: a container that may only read has it mounted so.
  roles.forEach((role, index) => {
    const device = slot(diskSlots.volumes, index);
    const type = role === 'keeper' ? 'ext4' : 'share';
    list.push({ device, at: `volumes/${index}`, type, readOnly: false });
  });
  if (disks.hostPaths.length > 0) list.push({ tag: hostPathsTag, at: 'hostpaths', type: '9p' });
  const network = reservation?.guest.network;
  return {
    hostname: pod.spec.hostname,
    machineId: pod.meta.uid.slice(0, 32),
    wallClockNs: String(BigInt(Math.round(given.nowMs * 1000)) * 1000n),
    entropy: given.random.bytes(64).toString('base64'),
    network: network ? { ...network, interface: network.interface || guestInterface } : null,
    disks: list,
    ...told({
      domainname: pod.spec.domainname,
      resolv: reservation?.guest.resolv ?? pod.spec.dns,
      hosts: reservation?.guest.hosts ?? [
        ...pod.spec.extraHosts.map(({ name, address }) => [address, name] as const),
      ],
      sysctls: splitSysctls(pod.spec.sysctls).pod,
    }),
  };
}

/** Body of `PUT /v1/containers/NAME`; `sysctls` are the pod's. Sockets and files are calls of their own. */
export function containerBody(
  container: Container,
  disks: PodDisks,
  given: { readonly logBufferBytes: number; readonly sysctls: Readonly<Record<string, string>> },
): ContainerConfig {
  const mounts: ContainerMount[] = [];
  for (const mount of container.mounts) {
    switch (mount.type) {
      case 'volume': {
        const index = disks.volumes.findIndex((volume) => volume.name === mount.volume);
        mounts.push({
          type: 'volume',
          source: `volumes/${index}`,
          target: mount.target,
          readOnly: mount.readOnly,
          copyUp: mount.copyUp,
          subpath: mount.subpath ?? '',
        });
        break;
      }
      case 'host': {
        const index = disks.hostPaths.findIndex(({ source }) => source === mount.source);
        const { target, readOnly } = mount;
        mounts.push({
          type: 'host',
          source: `hostpaths/${index}`,
          target: posix.normalize(target),
          readOnly,
        });
        break;
      }
      case 'tmpfs':
        mounts.push({ type: 'tmpfs', target: mount.target, options: mount.options });
        break;
      case 'socket':
      case 'file':
        break;
    }
  }
  const { tty, rows = 0, cols = 0 } = container;
  return {
    image: `images/${disks.images.indexOf(container.image.id)}`,
    args: container.args,
    logBufferBytes: given.logBufferBytes,
    ...told({
      writable: 'writable',
      readOnlyRoot: container.readOnlyRoot,
      // An empty one is none: the program's user says where home is.
      env: container.env.filter((line) => line !== 'HOME='),
      cwd: container.cwd,
      user: container.user,
      groups: container.groups,
      tty,
      stdin: container.stdin,
      init: container.init,
      capabilities: container.capabilities,
      privileged: container.privileged,
      noNewPrivileges: container.noNewPrivileges,
      rlimits: container.rlimits,
      resources: told(resourcesBody(container.resources)),
      shmBytes: container.shmBytes,
      devices: container.devices ?? [],
      sysctls: splitSysctls(given.sysctls).container,
      mounts,
      maskedPaths: container.maskedPaths,
      readonlyPaths: container.readonlyPaths,
    }),
    // A terminal without a size has none, and not the guest's usual one.
    ...(tty ? { rows, cols } : {}),
  };
}

/** Without what goes without saying (false, 0, empty): under emulation the guest takes a microsecond to read a character. */
function told<T extends object>(body: T): Partial<T> {
  const says = (value: unknown): boolean =>
    typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value);
  return Object.fromEntries(Object.entries(body).filter(([, value]) => says(value))) as Partial<T>;
}

export function resourcesBody(resources: Resources): ContainerResources {
  return {
    memoryBytes: resources.memoryBytes ?? 0,
    memorySwapBytes: resources.memorySwapBytes ?? 0,
    cpuQuotaUs: Math.max(0, resources.cpuQuotaUs ?? 0),
    cpuPeriodUs: resources.cpuPeriodUs ?? 0,
    cpuShares: resources.cpuShares ?? 0,
    cpuset: resources.cpuset ?? '',
    pidsMax: resources.pidsMax ?? 0,
    oomScoreAdj: resources.oomScoreAdj ?? 0,
    oomKillDisable: resources.oomKillDisable ?? false,
  };
}
