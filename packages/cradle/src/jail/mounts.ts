import { execFile } from 'node:child_process';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isErrno, KraudError, messageOf } from '@kraud/base';

const run = promisify(execFile);

/** The mount points at or below `dir` (a real path), deepest last, as this process sees them. */
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

/** Leaves no mount at or below `dir`, or fails. */
export async function unmountBelow(dir: string): Promise<void> {
  for (let mounts = await mountsBelow(dir); mounts.length > 0; ) {
    await run('umount', ['-l', '--', mounts.at(-1) ?? dir]);
    const left = await mountsBelow(dir);
    if (left.length >= mounts.length) throw new KraudError('internal', `cannot unmount ${left.join(', ')}`);
    mounts = left;
  }
}

/** Shows host paths as `0`, `1`, … in a directory that the jail has as a slave mount. */
export async function bindHostPaths(
  dir: string,
  paths: readonly { readonly source: string; readonly readOnly: boolean }[],
): Promise<void> {
  for (const [index, { source, readOnly }] of paths.entries()) {
    const target = join(dir, String(index));
    try {
      if ((await stat(source)).isDirectory()) await mkdir(target);
      else await writeFile(target, '');
      const options = readOnly ? 'bind,ro,nosuid,nodev' : 'rbind,nosuid,nodev';
      await run('mount', ['-o', options, '--', source, target]);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) throw new KraudError('not-found', `there is no ${source} on this host`);
      throw new KraudError('internal', `cannot show ${source}: ${messageOf(error)}`, { cause: error });
    }
  }
}
