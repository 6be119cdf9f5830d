import { execFile } from 'node:child_process';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isErrno, KraudError, messageOf } from '@kraud/base';

const run = promisify(execFile);

/** The mount points at or below `dir` (a real path), each before what is in it, as this process sees them. */
export async function mountsBelow(dir: string): Promise<string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  return parseMountPoints(text).filter((point) => point === dir || point.startsWith(`${dir}/`));
}

/** Mount points of a `mountinfo` text; a space in one is written `\040`. */
export function parseMountPoints(mountinfo: string): string[] {
  const points: string[] = [];
  for (const line of mountinfo.split('\n')) {
    const point = line.split(' ')[4];
    if (point !== undefined) {
      points.push(
        point.replace(/\\([0-7]{3})/g, (_, digits: string) =>
          String.fromCharCode(Number.parseInt(digits, 8)),
        ),
      );
    }
  }
  return points;
}

/** Leaves no mount at or below `dir`, or fails. With a mount goes all that is in it. */
export async function unmountBelow(dir: string): Promise<void> {
  for (let mounts = await mountsBelow(dir); mounts.length > 0; ) {
    await run('umount', ['-l', '--', mounts[0] ?? dir]);
    const left = await mountsBelow(dir);
    if (left.length >= mounts.length) throw new KraudError('internal', `cannot unmount ${left.join(', ')}`);
    mounts = left;
  }
}

/**
 * Shows host paths as `0`, `1`, … in the VM's `hostpaths`, which its jail has as a slave mount. Only a new mount
 * reaches the jail, later changes of its flags do not: so each is made with its flags at a place of its own first,
 * and appears in `hostpaths` whole.
 */
export async function bindHostPaths(
  vmDir: string,
  paths: readonly { readonly source: string; readonly readOnly: boolean }[],
): Promise<void> {
  for (const [index, { source, readOnly }] of paths.entries()) {
    const target = join(vmDir, 'hostpaths', String(index));
    const isDirectory = await isDirectoryAt(source);
    const stage = join(vmDir, isDirectory ? 'root' : 'stage');
    try {
      if (isDirectory) await mkdir(target);
      else for (const path of [target, stage]) await writeFile(path, '');
      // What is mounted in it is shown with it.
      await run('mount', ['-o', `rbind,${readOnly ? 'ro,' : ''}nosuid,nodev`, '--', source, stage]);
      try {
        await run('mount', ['--make-rprivate', '--', stage]);
        if (readOnly) await makeReadOnly((await mountsBelow(stage)).filter((point) => point !== stage));
        await run('mount', ['--rbind', '--', stage, target]);
      } finally {
        await run('umount', ['-l', '--', stage]);
      }
    } catch (error) {
      throw new KraudError('internal', `cannot show ${source}: ${messageOf(error)}`, { cause: error });
    }
  }
}

/** `mount` sets flags of one mount at a time, and of those below a bind not at all. */
async function makeReadOnly(points: readonly string[]): Promise<void> {
  if (points.length === 0) return;
  const each = 'for point; do mount -o remount,bind,ro,nosuid,nodev -- "$point" || exit 1; done';
  await run('sh', ['-c', each, 'sh', ...points]);
}

async function isDirectoryAt(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) {
      throw new KraudError('not-found', `there is no ${path} on this host`, { cause: error });
    }
    throw error;
  }
}
