import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rename, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isErrno, KraudError, messageOf } from '@kraud/base';
import { imageDiskBytes } from '../contract.ts';

const run = promisify(execFile);
const busyboxes = ['/usr/bin/busybox', '/bin/busybox'];

/**
 * Makes the image that slots are rehearsed with, unless it is there: one static program, in the format that real
 * images have.
 */
export async function makeRehearsalImage(dir: string): Promise<string> {
  const path = join(dir, 'rehearsal.erofs');
  if (await isFile(path)) return path;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const scratch = await mkdtemp(`${path}.`);
  try {
    const root = join(scratch, 'root');
    for (const sub of ['bin', 'etc', 'dev', 'proc', 'sys', 'tmp'])
      await mkdir(join(root, sub), { recursive: true });
    await copyFile(await findBusybox(), join(root, 'bin/busybox'));
    const image = join(scratch, 'image');
    await run('mkfs.erofs', ['--quiet', '--all-root', image, root]);
    await truncate(image, imageDiskBytes);
    await rename(image, path);
    return path;
  } catch (error) {
    throw new KraudError('unavailable', `cannot make the rehearsal image: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function findBusybox(): Promise<string> {
  for (const path of busyboxes) if (await isFile(path)) return path;
  throw new KraudError('unavailable', 'no static busybox (busybox-static)');
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
