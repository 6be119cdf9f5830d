import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemRandom } from '@kraud/base';

const imageMiB = 512;
const groups = '/sys/fs/cgroup/blkio';

/**
 * A file system on a device of its own, below one directory, which can be made slow for the processes that joined:
 * the kernel then lets only so many of their requests through a second. For root, with control groups v1.
 */
export class SlowDisk {
  readonly #dir: string;
  readonly #group: string;
  readonly #device: string;

  private constructor(dir: string, group: string, device: string) {
    this.#dir = dir;
    this.#group = group;
    this.#device = device;
  }

  /** Mounted on `dir`, which is made; undefined where this machine has no such thing. */
  static mount(dir: string): SlowDisk | undefined {
    if (process.getuid?.() !== 0 || !existsSync(join(groups, 'blkio.throttle.write_iops_device')))
      return undefined;
    const image = `${dir}.img`;
    mkdirSync(dir, { recursive: true });
    let device: string | undefined;
    try {
      run('truncate', '-s', `${imageMiB}M`, image);
      run('mkfs.ext4', '-q', '-F', image);
      device = run('losetup', '--find', '--show', image);
      run('mount', device, dir);
    } catch {
      if (device !== undefined) run('losetup', '-d', device);
      return undefined;
    }
    const group = join(groups, `kraud-test-${systemRandom.bytes(6).toString('hex')}`);
    mkdirSync(group);
    return new SlowDisk(dir, group, run('lsblk', '-dno', 'MAJ:MIN', device));
  }

  join(pid: number): void {
    writeFileSync(join(this.#group, 'cgroup.procs'), String(pid));
  }

  /** So many requests a second; 0: as many as it can. */
  limit(requestsPerS: number): void {
    for (const what of ['read', 'write'])
      writeFileSync(
        join(this.#group, `blkio.throttle.${what}_iops_device`),
        `${this.#device} ${requestsPerS}`,
      );
  }

  /** Once nobody uses it. The device goes with the mount. */
  remove(): void {
    const device = run('findmnt', '-no', 'SOURCE', this.#dir);
    run('umount', this.#dir);
    run('losetup', '-d', device);
    rmdirSync(this.#group);
  }
}

const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
