import { chown, readdir, readFile, rm, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, isErrno, KraudError } from '@kraud/base';
import { killProcess, markProcess } from '../process.ts';
import type { Cgroups } from './cgroups.ts';
import { unmountBelow } from './mounts.ts';

const retryMs = 5;
const retriesMax = 600;

/**
 * Ends whatever runs for the VM of this name, found without trusting any record: members of its control group, and
 * unless it was `launched` (its VMM has said its pid), keepers that were started with its directory but did not get
 * to join it.
 */
export async function killVm(
  name: string,
  dir: string,
  cgroups: Cgroups,
  clock: Clock,
  options: { readonly launched: boolean },
): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const strays = tries === 0 && !options.launched ? await keepersOf(dir) : [];
    const pids = new Set([...(await cgroups.processes(name)), ...strays]);
    if (pids.size === 0) return;
    if (tries === retriesMax) throw new KraudError('internal', `processes of VM ${name} do not end`);
    for (const pid of pids) {
      const mark = await markProcess(pid);
      if (mark) await killProcess(mark);
    }
    await clock.sleep(retryMs);
  }
}

/**
 * Removes a VM's directory and control group, and gives its data disks back to root. Nothing is removed
 * recursively: a host path still mounted would be emptied.
 */
export async function removeVm(name: string, dir: string, cgroups: Cgroups, clock: Clock): Promise<void> {
  await unmountBelow(dir);
  for (const file of await entries(join(dir, 'disks'))) {
    const path = join(dir, 'disks', file);
    await chown(path, 0, 0);
    await unlink(path);
  }
  for (const file of await entries(join(dir, 'run'))) await unlink(join(dir, 'run', file));
  for (const sub of ['disks', 'run', 'root', 'hostpaths']) {
    await rmdir(join(dir, sub)).catch((error: unknown) => {
      if (!isErrno(error, 'ENOENT')) throw error;
    });
  }
  for (let tries = 0; !(await cgroups.remove(name)); tries += 1) {
    if (tries === retriesMax) throw new KraudError('internal', `the control group of VM ${name} stays busy`);
    await clock.sleep(retryMs);
  }
  // Only plain files are left: the record, the log, how it ended.
  for (const file of await entries(dir)) await rm(join(dir, file), { force: true });
  await rmdir(dir).catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT')) throw error;
  });
}

async function keepersOf(dir: string): Promise<number[]> {
  const pids: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    const args = command.split('\0');
    if (args[1] === '--dir' && args[2] === dir) pids.push(Number(entry));
  }
  return pids;
}

async function entries(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
