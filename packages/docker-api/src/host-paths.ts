import { mkdir, stat } from 'node:fs/promises';
import { isErrno } from '@kraud/base';

/** What `-v` and `--mount` must know of the host's files. Handed in, so that tests need none. */
export interface HostPaths {
  kindOf(path: string): Promise<'directory' | 'file' | 'socket' | 'other' | 'missing'>;
  makeDirectory(path: string): Promise<void>;
}

export const systemHostPaths: HostPaths = {
  async kindOf(path) {
    try {
      const found = await stat(path);
      if (found.isDirectory()) return 'directory';
      if (found.isSocket()) return 'socket';
      return found.isFile() ? 'file' : 'other';
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return 'missing';
      throw error;
    }
  },
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o755 });
  },
};
