import { MiB } from '@kraud/base';
import { dataDiskBytes, diskSlots, hostPathsTag, imageDiskBytes, type SizeClass } from '../contract.ts';

/** Version of the command line and device layout below: change it whenever a snapshot would no longer fit. */
export const layoutVersion = 2;

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
  /**
   * `make`: boots, its memory is the template's. `clone`: memory is private, device state comes in over fd 3, once asked for.
   * `mould`: a clone that is to be forked, for which QEMU's sandbox has no room: each fork gets one of its own.
   */
  readonly mode: 'make' | 'clone' | 'mould';
  /** QEMU 8.2 and up map a read-only file as private memory; older ones need the preload. */
  readonly readOnlyMemory: boolean;
  /** Of the host's time stamp counter; a guest under TCG sees that one. */
  readonly tscKhz: number;
}

/**
 * The CPU that guests see. TCG has no use for the host's. 5-level paging only costs; so do the two instructions of
 * SMAP around every copy from user space, which each end a translated block; and "enhanced" string instructions,
 * which TCG carries out byte by byte, are the slowest way there to copy or clear a page. Without them QEMU 10 must not promise
 * either that they are fast for short strings: Linux 6.1 takes the one for both, and its memmove would run past the end.
 */
export function cpuModel(accelerator: 'kvm' | 'tcg'): string {
  return accelerator === 'kvm' ? 'host' : 'max,la57=off,smap=off,erms=off,fsrm=off';
}

/**
 * For translated code, which is thrown away whole when this is full: room for a quarter of the guest's memory, in MiB. A rehearsed
 * slot has 30 of it; a Java virtual machine fills 64 with its start.
 */
function codeMiB({ memoryMiB }: SizeClass): number {
  return Math.min(128, Math.max(32, Math.floor(memoryMiB / 4)));
}

/** Number of the kernel's own feature `rep_good`: without it pages are copied and cleared by unrolled loops. */
const repGood = 112;

export interface DiskSlot {
  readonly node: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
}

/** Every disk slot with its apparent size. */
export function allDisks(): DiskSlot[] {
  const images = diskSlots.images.map((node) => ({ node, sizeBytes: imageDiskBytes, readOnly: true }));
  const data = [diskSlots.writable, ...diskSlots.volumes].map((node) => ({
    node,
    sizeBytes: dataDiskBytes,
    readOnly: false,
  }));
  return [...images, ...data];
}

/** The name of the node that a slot shows while no file is in it. */
export const emptyOf = (node: string): string => `${node}-empty`;

/** That node: zeroes, and nothing of the host. */
export function emptyNode(disk: { node: string; sizeBytes: number }): Record<string, unknown> {
  return { driver: 'null-co', 'node-name': emptyOf(disk.node), size: disk.sizeBytes, 'read-zeroes': true };
}

/**
 * The node that the guest's device is tied to; only its `file` ever changes. Says nothing that goes without saying: QEMU takes some
 * 10 µs to read a character of a command, one at a time.
 */
export function slotNode(disk: { node: string; readOnly: boolean }, file: string): Record<string, unknown> {
  return { driver: 'raw', 'node-name': disk.node, ...accessOf(disk), file };
}

/** How a node of this disk is opened. */
export function accessOf({ readOnly }: { readonly readOnly: boolean }): Record<string, unknown> {
  return readOnly ? { 'read-only': true } : { discard: 'unmap' };
}

/**
 * The machine's places for devices. QEMU gives microvm more than eight only together with ACPI, which the guest's
 * kernel has not: so each is named on the kernel's command line. Number 0 is left alone: its interrupt goes astray.
 */
const transports = { base: 0xfeb00000, stepBytes: 512, firstIrq: 24, ioapic2: '0xfec10000' };

function kernelCommandLine(settings: VmmSettings, devices: number): string {
  const words = [
    'console=ttyS0',
    'loglevel=4',
    'panic=-1',
    'reboot=t',
    'random.trust_cpu=off',
    'mitigations=off',
    'dummy.numdummies=0',
  ];
  if (settings.accelerator === 'tcg') {
    words.push(`tsc_early_khz=${settings.tscKhz}`, 'tsc=reliable', `clearcpuid=${repGood}`);
  }
  words.push(`kraud_ioapic2=${transports.ioapic2}`);
  for (let place = 1; place <= devices; place += 1) {
    const address = (transports.base + place * transports.stepBytes).toString(16);
    words.push(`virtio_mmio.device=${transports.stepBytes}@0x${address}:${transports.firstIrq + place}`);
  }
  return words.join(' ');
}

const machine = [
  'microvm',
  'pit=on',
  'pic=on',
  'rtc=on',
  'acpi=on',
  'ioapic2=on',
  'auto-kernel-cmdline=off',
  'x-option-roms=off',
  'memory-backend=ram',
].join(',');

const sandbox = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny';

/** The VMM's whole command line: the same devices, in the same order, for a template and its clones. */
export function vmmArguments(settings: VmmSettings): string[] {
  const { size, accelerator, mode } = settings;
  const share = mode === 'make' ? 'share=on' : 'share=off';
  const readOnly = mode !== 'make' && settings.readOnlyMemory ? ',readonly=on,rom=off' : '';
  let devices = 0;
  const place = (): string => `bus=virtio-mmio-bus.${++devices}`;
  const args = [
    '-nodefaults',
    '-no-user-config',
    ...['-display', 'none'],
    ...['-M', machine],
    ...['-accel', accelerator === 'kvm' ? 'kvm' : `tcg,tb-size=${codeMiB(size)}`],
    ...['-cpu', cpuModel(accelerator)],
    ...['-smp', String(size.vcpus)],
    ...['-m', `${size.memoryMiB}M`],
    ...[
      '-object',
      `memory-backend-file,id=ram,mem-path=${jailPaths.memory},size=${size.memoryMiB * MiB},${share}${readOnly}`,
    ],
    ...['-bios', 'qboot.rom'],
    ...['-action', 'reboot=shutdown,shutdown=pause,panic=pause'],
    ...(mode === 'mould' ? [] : ['-sandbox', sandbox]),
    ...['-qmp', `unix:${jailPaths.qmp},server=on,wait=off`],
    ...['-chardev', 'ringbuf,id=console,size=65536', '-serial', 'chardev:console'],
    ...['-device', `virtio-serial-device,id=serial,max_ports=2,${place()}`],
    ...['-chardev', `socket,id=agent,path=${jailPaths.agent},server=on,wait=off`],
    ...['-device', 'virtserialport,bus=serial.0,nr=1,chardev=agent,name=kraud.agent'],
    ...[
      '-netdev',
      'tap,id=net,fd=4',
      '-device',
      `virtio-net-device,netdev=net,mac=02:00:00:00:00:01,${place()}`,
    ],
  ];
  for (const disk of allDisks()) {
    args.push('-blockdev', JSON.stringify(emptyNode(disk)));
    args.push('-blockdev', JSON.stringify(slotNode(disk, emptyOf(disk.node))));
    const errors = 'rerror=report,werror=report';
    args.push('-device', `virtio-blk-device,drive=${disk.node},serial=${disk.node},${errors},${place()}`);
  }
  if (size.hostPaths) {
    const share9p = `local,id=hostpaths,path=${jailPaths.hostPaths},security_model=passthrough,multidevs=remap`;
    args.push(
      '-fsdev',
      share9p,
      '-device',
      `virtio-9p-device,fsdev=hostpaths,mount_tag=${hostPathsTag},${place()}`,
    );
  }
  // A clone's kernel is in its memory.
  if (mode !== 'make') args.push('-incoming', 'defer');
  else {
    args.push('-kernel', jailPaths.kernel, '-initrd', jailPaths.initramfs);
    args.push('-append', kernelCommandLine(settings, devices));
  }
  return args;
}
