import { KraudError } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import type { FileSources } from '../parts.ts';

/** A secret or config as a container is given it. */
export interface GivenFile {
  readonly container: string;
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly bytes: Buffer;
}

/** What the pod's containers are given at this start; `not-found` names what is gone. Never written to a disk. */
export async function givenFiles(pod: Pod, sources: FileSources): Promise<GivenFile[]> {
  const files: GivenFile[] = [];
  for (const { name: container, mounts } of pod.spec.containers) {
    for (const mount of mounts) {
      if (mount.type !== 'file') continue;
      const { source, name, target: path, mode, uid, gid } = mount;
      const bytes = await sources.bytes(source, name, { pod, container });
      if (!bytes) throw new KraudError('not-found', `${source.toLowerCase()} ${name} not found`);
      files.push({ container, path, mode, uid, gid, bytes });
    }
  }
  return files;
}
