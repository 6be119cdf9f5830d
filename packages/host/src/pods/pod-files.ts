import { join } from 'node:path';

/**
 * Where a pod's things are. The folder's name is the uid; everything of the pod that is a file is below it.
 *
 *     pods/UID/writable.img      the writable layer's disk
 *     pods/UID/empty-bytes       what that disk took on the host before anything was written
 *     pods/UID/images/           hard links to the root file systems of its images
 *     pods/UID/run.json          what has a VM of this pod now, for the next daemon
 *     pods/UID/asleep/           its VM while that is a file
 *     pods/UID/logs/CONTAINER/   its output
 */
export class PodFiles {
  readonly dir: string;
  readonly writable: string;
  readonly emptyBytes: string;
  readonly record: string;
  readonly asleep: string;

  constructor(dataDir: string, uid: string) {
    this.dir = join(podsDir(dataDir), uid);
    this.writable = join(this.dir, 'writable.img');
    this.emptyBytes = join(this.dir, 'empty-bytes');
    this.record = join(this.dir, 'run.json');
    this.asleep = join(this.dir, 'asleep');
  }

  image(id: string, format: string): string {
    return join(this.dir, 'images', `${id.replace(/^sha256:/, '')}.${format}`);
  }

  log(container: string): string {
    return join(this.dir, 'logs', container);
  }
}

export function podsDir(dataDir: string): string {
  return join(dataDir, 'pods');
}
