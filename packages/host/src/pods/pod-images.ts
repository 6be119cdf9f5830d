import { existsSync, linkSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { isErrno, KraudError } from '@kraud/base';
import type { ImageId, RootfsFormat } from '@kraud/images';
import { noImage, type Pod } from '@kraud/macro';
import { disksOf } from '../guest/bodies.ts';
import type { HostParts } from '../parts.ts';
import type { PodFiles } from './pod-files.ts';

export interface RootDisk {
  readonly path: string;
  readonly format: RootfsFormat;
}

const formats: readonly RootfsFormat[] = ['squashfs', 'erofs'];

/**
 * The root file systems of a pod's images. The pod has its own hard link to each, so that it can be started again
 * though the image was removed meanwhile, as with Docker.
 */
export async function rootDisks(parts: HostParts, files: PodFiles, pod: Pod): Promise<RootDisk[]> {
  return await Promise.all(disksOf(pod).images.map((id) => rootDisk(parts, files, pod, id)));
}

async function rootDisk(parts: HostParts, files: PodFiles, pod: Pod, id: string): Promise<RootDisk> {
  for (const format of formats) {
    const path = files.image(id, format);
    if (existsSync(path)) return { path, format };
  }
  if (id === noImage) {
    const name = pod.spec.containers.find(({ image }) => image.id === id)?.image.name ?? '';
    throw new KraudError('not-found', `No such image: ${name}`);
  }
  await parts.fetchImage(id);
  const { path, format } = await parts.images.rootfs(id as ImageId);
  const own = files.image(id, format);
  mkdirSync(dirname(own), { recursive: true, mode: 0o700 });
  try {
    linkSync(path, own);
  } catch (error) {
    if (isErrno(error, 'EXDEV', 'EPERM')) return { path, format };
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  return { path: own, format };
}
