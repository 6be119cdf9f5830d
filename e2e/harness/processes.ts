import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './command.ts';

/** When a live process began; undefined for a dead one. */
export function startTicks(pid: number): number | undefined {
  const text = ofProcess(String(pid), 'stat');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return text === '' || fields[0] === 'Z' || fields[0] === 'X' ? undefined : Number(fields[19]);
}

/** Pids of the fence of a data directory: the one on guard and its spare, or none. */
export function fencesOf(dataDir: string): number[] {
  const socket = join(dataDir, 'fence/socket');
  return allPids()
    .filter((pid) => ofProcess(pid, 'cmdline').split('\0')[1] === socket)
    .map(Number);
}

/** One that is killed alone is followed by another. */
export async function killFences(dataDir: string): Promise<void> {
  await eventually('the fence is gone', async () => {
    const pids = fencesOf(dataDir);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    return pids.length === 0;
  });
}

export function allPids(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}

/** What the kernel tells of a process; nothing if it has gone. */
export function ofProcess(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
