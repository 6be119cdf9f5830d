import { readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { forgetSubnets } from '../../bench/forget-subnets.ts';
import { eventually, run } from './command.ts';
import { clearLeft } from './left.ts';
import { allPids, ofProcess } from './processes.ts';

/** In the environment of all that a run starts: the directory that all of it is below. */
export const runVariable = 'KRAUD_E2E_RUN';

/** How deep below that a data directory is, at most. */
const depthMax = 4;

/**
 * Ends what a run of end-to-end tests has started and not ended: an interrupted test, or one that took too long, ends
 * nothing itself. Processes go first, the tests' own among them.
 */
export async function endRun(dir: string): Promise<void> {
  await eventually('all processes of the run are gone', async () => {
    const pids = allPids().filter((pid) => Number(pid) !== process.pid && isOfRun(pid, dir));
    for (const pid of pids) kill(Number(pid));
    return pids.length === 0;
  });
  for (const path of find(dir, (name) => name === 'instance', depthMax)) {
    const dataDir = join(path, '..');
    await clearLeft(dataDir);
    forgetSubnets(dataDir);
  }
  for (const path of find(dir, (name) => name.startsWith('machines-'), 1)) {
    const id = basename(path).slice('machines-'.length);
    const { stdout } = await run('sh', ['-c', `ip netns | grep -o '^kt${id}-[0-9]*'; true`]);
    for (const name of stdout.split('\n')) if (name !== '') await run('ip', ['netns', 'del', name]);
    await run('ip', ['link', 'del', `kt${id}`]);
  }
  const { stdout } = await run('sh', ['-c', `cut -d ' ' -f 2 /proc/mounts | grep -F '${dir}/'; true`]);
  const mounts = stdout.split('\n').filter((path) => path !== '');
  for (const path of mounts.toReversed()) await run('umount', ['-l', path]);
  rmSync(dir, { recursive: true, force: true });
}

/** By its environment; a VMM and a fence have another one, and a file of the run. */
function isOfRun(pid: string, dir: string): boolean {
  if (ofProcess(pid, 'environ').split('\0').includes(`${runVariable}=${dir}`)) return true;
  if (ofProcess(pid, 'cmdline').includes(`${dir}/`)) return true;
  return (
    ofProcess(pid, 'comm').startsWith('qemu-system') &&
    ['mountinfo', 'maps'].some((file) => ofProcess(pid, file).includes(`${dir}/`))
  );
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

function find(dir: string, wanted: (name: string) => boolean, depth: number): string[] {
  if (depth === 0) return [];
  try {
    return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) return find(path, wanted, depth - 1);
      return wanted(entry.name) ? [path] : [];
    });
  } catch {
    // It went while it was looked at.
    return [];
  }
}
