import { MiB } from '@kraud/base';
import {
  dataDiskBytes,
  diskSlots,
  hostPathsTag,
  imageDiskBytes,
  type SizeClass,
  volumesMax,
} from '../contract.ts';

/** Version of the command line and device layout below: change it whenever a snapshot would no longer fit. */
export const layoutVersion = 1;

/** Where things are inside the jail. */
export const jailPaths = {
  memory: '/memory',
  kernel: '/kernel',
  initramfs: '/initramfs',
  qmp: '/run/qmp.sock',
  agent: '/run/agent.sock',
  state: '/run/state.sock',
  disks: '/disks',
  hostPaths: '/hostpaths',
} as const;

export interface VmmSettings {
  readonly accelerator: 'kvm' | 'tcg';
  readonly size: SizeClass;
  /** `make`: boots, its memory is the template's. `clone`: memory is private, device state comes in over fd 3, once asked for. */
  readonly mode: 'make' | 'clone';
  /** QEMU 8.2 and up map a read-only file as private memory; older ones need the preload. */
  readonly readOnlyMemory: boolean;
}

/** The CPU that guests see. TCG has no use for the host's. 5-level paging only costs. */
export function cpuModel(accelerator: 'kvm' | 'tcg'): string {
  return accelerator === 'kvm' ? 'host' : 'max,la57=off';
}

export interface DiskSlot {
  readonly node: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
}

/** Every disk slot of the class with its apparent size. */
export function allDisks(size: SizeClass): DiskSlot[] {
  const images = diskSlots.images.map((node) => ({ node, sizeBytes: imageDiskBytes, readOnly: true }));
  const data = [diskSlots.writable, ...diskSlots.volumes.slice(0, volumesMax(size))].map((node) => ({
    node,
    sizeBytes: dataDiskBytes,
    readOnly: false,
  }));
  return [...images, ...data];
}

/** What an unused slot shows: zeroes, and nothing of the host. */
export function emptyNode(disk: { node: string; sizeBytes: number }): Record<string, unknown> {
  return { driver: 'null-co', 'node-name': `${disk.node}-empty`, size: disk.sizeBytes, 'read-zeroes': true };
}

/** The node that the guest's device is tied to; only its `file` ever changes. */
export function slotNode(disk: { node: string; readOnly: boolean }, file: string): Record<string, unknown> {
  return {
    driver: 'raw',
    'node-name': disk.node,
    'read-only': disk.readOnly,
    discard: disk.readOnly ? 'ignore' : 'unmap',
    file,
  };
}

const kernelCommandLine = [
  'console=ttyS0',
  'loglevel=4',
  'panic=-1',
  'reboot=t',
  'random.trust_cpu=off',
  'tsc=reliable',
  'no_timer_check',
  'mitigations=off',
].join(' ');

/** The VMM's whole command line: the same devices, in the same order, for a template and its clones. */
export function vmmArguments(settings: VmmSettings): string[] {
  const { size, accelerator, mode } = settings;
  const share = mode === 'make' ? 'share=on' : 'share=off';
  const readOnly = mode === 'clone' && settings.readOnlyMemory ? ',readonly=on,rom=off' : '';
  const args = [
    '-nodefaults',
    '-no-user-config',
    ...['-display', 'none'],
    ...['-M', `microvm,pit=on,pic=on,rtc=on,acpi=off,memory-backend=ram,x-option-roms=off`],
    ...['-accel', accelerator === 'kvm' ? 'kvm' : 'tcg,tb-size=32'],
    ...['-cpu', cpuModel(accelerator)],
    ...['-smp', String(size.vcpus)],
    ...['-m', `${size.memoryMiB}M`],
    ...[
      '-object',
      `memory-backend-file,id=ram,mem-path=${jailPaths.memory},size=${size.memoryMiB * MiB},${share}${readOnly}`,
    ],
    ...['-kernel', jailPaths.kernel, '-initrd', jailPaths.initramfs, '-append', kernelCommandLine],
    ...['-action', 'reboot=shutdown,shutdown=pause,panic=pause'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...['-qmp', `unix:${jailPaths.qmp},server=on,wait=off`],
    ...['-chardev', 'ringbuf,id=console,size=65536', '-serial', 'chardev:console'],
    ...['-device', 'virtio-serial-device,id=serial,max_ports=2'],
    ...['-chardev', `socket,id=agent,path=${jailPaths.agent},server=on,wait=off`],
    ...['-device', 'virtserialport,bus=serial.0,nr=1,chardev=agent,name=kraud.agent'],
    ...['-netdev', 'tap,id=net,fd=4', '-device', 'virtio-net-device,netdev=net,mac=02:00:00:00:00:01'],
  ];
  for (const disk of allDisks(size)) {
    args.push('-blockdev', JSON.stringify(emptyNode(disk)));
    args.push('-blockdev', JSON.stringify(slotNode(disk, `${disk.node}-empty`)));
    const device = `virtio-blk-device,drive=${disk.node},serial=${disk.node},rerror=report,werror=report`;
    args.push('-device', device);
  }
  if (size.hostPaths) {
    const share9p = `local,id=hostpaths,path=${jailPaths.hostPaths},security_model=passthrough,multidevs=remap`;
    args.push('-fsdev', share9p, '-device', `virtio-9p-device,fsdev=hostpaths,mount_tag=${hostPathsTag}`);
  }
  if (mode === 'clone') args.push('-incoming', 'defer');
  return args;
}
