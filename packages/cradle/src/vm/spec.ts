import { isAbsolute } from 'node:path';
import { KraudError } from '@kraud/base';
import { diskSlots, type VmSpec, type VmVolume } from '../contract.ts';
import type { DiskFile } from './disk-slots.ts';

const memoryMiBMin = 64;
const memoryMiBMax = 1024 * 1024;
const vcpusMax = 64;
const hostPathsMax = 64;

/** Refuses what no VM can be, before anything is made; one that was claimed may have taken disks since. */
export function checkSpec(spec: VmSpec, { claimed = false } = {}): void {
  const refuse = (message: string): never => {
    throw new KraudError('invalid', message);
  };
  if (!/^[0-9a-f-]{1,64}$/.test(spec.id)) refuse(`'${spec.id}' is no pod uid`);
  const { vcpus, memoryMiB } = spec.size;
  if (!Number.isInteger(vcpus) || vcpus < 1 || vcpus > vcpusMax)
    refuse(`a VM has 1 to ${vcpusMax} vCPUs, not ${vcpus}`);
  if (!Number.isInteger(memoryMiB) || memoryMiB < memoryMiBMin || memoryMiB > memoryMiBMax) {
    refuse(`a VM has ${memoryMiBMin} to ${memoryMiBMax} MiB of memory, not ${memoryMiB}`);
  }
  if (spec.images.length > diskSlots.images.length)
    refuse(`a VM has at most ${diskSlots.images.length} images`);
  if (spec.volumes.length > diskSlots.volumes.length) {
    refuse(`a VM has at most ${diskSlots.volumes.length} volumes`);
  }
  if (spec.hostPaths.length > hostPathsMax) refuse(`a VM has at most ${hostPathsMax} host paths`);
  if (spec.hostPaths.length > 0 && !spec.size.hostPaths) refuse('host paths need a size class that has them');
  const paths = [
    ...filesOf(spec),
    ...spec.volumes,
    ...spec.hostPaths.map(({ source }) => ({ path: source })),
  ];
  for (const { path } of paths)
    if (!isAbsolute(path) || path.includes('\0')) refuse(`'${path}' is no absolute path`);
  const data = [spec.writable.path, ...spec.volumes.map(({ path }) => path)];
  if (new Set(data).size !== data.length) refuse('a disk is named twice');
  if (!claimed && spec.volumes.some(({ share }) => share === 'taken'))
    refuse('a disk is taken by a VM that runs');
}

/** The disk files that the VM has, by slot. */
export function filesOf(spec: VmSpec): DiskFile[] {
  const inSlot = (slots: readonly string[], paths: readonly string[]): DiskFile[] =>
    paths.map((path, index) => ({ node: slots[index] ?? 'none', path }));
  return [
    ...inSlot(diskSlots.images, spec.images),
    { node: diskSlots.writable, path: spec.writable.path },
    ...spec.volumes.flatMap((volume, index) => (has(volume) ? [volumeFile(spec, index)] : [])),
  ];
}

/** The disks that the VM writes. */
export function dataPathsOf(spec: VmSpec): string[] {
  return [spec.writable.path, ...spec.volumes.filter(has).map(({ path }) => path)];
}

/** A volume's file and its slot, whether it is in there or not. */
export function volumeFile({ volumes }: VmSpec, index: number): DiskFile {
  return { node: diskSlots.volumes[index] ?? 'none', path: volumes[index]?.path ?? '' };
}

const has = ({ share }: VmVolume): boolean => share !== 'elsewhere';
