import { isAbsolute } from 'node:path';
import { KraudError } from '@kraud/base';
import { diskSlots, type VmSpec } from '../contract.ts';
import type { DiskFile } from './disk-slots.ts';

const memoryMiBMin = 64;
const memoryMiBMax = 1024 * 1024;
const vcpusMax = 64;
const hostPathsMax = 64;

/** Refuses what no VM can be, before anything is made. */
export function checkSpec(spec: VmSpec): void {
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
  const paths = [...filesOf(spec), ...spec.hostPaths.map(({ source }) => ({ path: source }))];
  for (const { path } of paths)
    if (!isAbsolute(path) || path.includes('\0')) refuse(`'${path}' is no absolute path`);
  const data = dataPathsOf(spec);
  if (new Set(data).size !== data.length) refuse('a disk is named twice');
}

/** The disk files of a pod by slot. */
export function filesOf(spec: VmSpec): DiskFile[] {
  const inSlot = (slots: readonly string[], paths: readonly string[]): DiskFile[] =>
    paths.map((path, index) => ({ node: slots[index] ?? 'none', path }));
  return [
    ...inSlot(diskSlots.images, spec.images),
    { node: diskSlots.writable, path: spec.writable.path },
    ...inSlot(
      diskSlots.volumes,
      spec.volumes.map(({ path }) => path),
    ),
  ];
}

/** The disks that the VM writes. */
export function dataPathsOf(spec: VmSpec): string[] {
  return [spec.writable.path, ...spec.volumes.map(({ path }) => path)];
}
