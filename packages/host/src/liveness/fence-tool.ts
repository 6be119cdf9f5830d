import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isErrno, KraudError } from '@kraud/base';

const run = promisify(execFile);
const source = join(import.meta.dirname, '../../fence/fence.c');
const flags = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', '-static'];

/** Builds `kraud-fence` into a directory named by its source, unless it is there; answers its path. Safe to race. */
export async function buildFence(cacheDir: string): Promise<string> {
  const hash = createHash('sha256').update(await readFile(source));
  const path = join(cacheDir, `${hash.digest('hex').slice(0, 16)}`, 'kraud-fence');
  if (await exists(path)) return path;
  await mkdir(join(path, '..'), { recursive: true });
  const temporary = await mkdtemp(`${join(path, '..')}.`);
  try {
    await run('cc', [...flags, '-o', join(temporary, 'kraud-fence'), source]);
    await rename(join(temporary, 'kraud-fence'), path);
  } catch (error) {
    throw new KraudError('unavailable', 'cannot build the fence: a C compiler (cc) is needed', {
      cause: error,
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return path;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
