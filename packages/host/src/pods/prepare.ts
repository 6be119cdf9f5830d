import { mkdirSync, writeFileSync } from 'node:fs';
import { noImage, type Pod } from '@kraud/macro';
import { disksOf } from '../guest/bodies.ts';
import type { HostParts } from '../parts.ts';
import { sizeOf } from './claim.ts';
import { diskBytes } from './disk-bytes.ts';
import type { PodFiles } from './pod-files.ts';
import { rootDisks } from './pod-images.ts';

/** Makes between create and start, while nobody waits, what a start needs. Whatever fails here is told by the start. */
export async function preparePod(parts: HostParts, pod: Pod, files: PodFiles): Promise<void> {
  mkdirSync(files.dir, { recursive: true, mode: 0o700 });
  const disks = disksOf(pod);
  // It can't start: no VM is to wait for it.
  if (disks.images.includes(noImage)) return;
  parts.cradle.expect(sizeOf(pod, disks));
  await Promise.all([makeWritable(parts, pod, files), rootDisks(parts, files, pod)]);
}

async function makeWritable({ cradle }: HostParts, pod: Pod, files: PodFiles): Promise<void> {
  await cradle.createDisk(files.writable, pod.spec.writableBytes);
  writeFileSync(files.emptyBytes, String(diskBytes(files.writable)));
}
