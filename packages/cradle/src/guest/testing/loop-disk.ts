import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An empty ext4 disk as a block device of this machine. */
export class LoopDisk implements AsyncDisposable {
  readonly dir: string;
  readonly device: string;

  private constructor(dir: string, device: string) {
    this.dir = dir;
    this.device = device;
  }

  static async make(): Promise<LoopDisk> {
    const dir = await mkdtemp(join(tmpdir(), 'kraud-loop-'));
    const file = join(dir, 'disk');
    execFileSync('truncate', ['-s', '128M', file]);
    execFileSync('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=1,lazy_journal_init=1', file]);
    const device = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
    return new LoopDisk(dir, device);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    execFileSync('losetup', ['--detach', this.device]);
    await rm(this.dir, { recursive: true, force: true });
  }
}
