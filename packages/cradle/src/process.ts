import { readFile } from 'node:fs/promises';
import { isErrno } from '@kraud/base';

/** A process of this host, told apart from a later one with the same pid by when it started. */
export interface ProcessMark {
  readonly pid: number;
  /** Clock ticks since the host's boot, from `/proc/PID/stat`. */
  readonly startTicks: number;
}

/** The mark of a live process; undefined when there is none or it is a zombie. */
export async function markProcess(pid: number): Promise<ProcessMark | undefined> {
  const fields = await statFields(pid);
  if (!fields || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return { pid, startTicks: Number(fields[19]) };
}

export async function isAlive(mark: ProcessMark): Promise<boolean> {
  return (await markProcess(mark.pid))?.startTicks === mark.startTicks;
}

/** User and system CPU of a live process. */
export async function cpuMsOf(pid: number): Promise<number> {
  const fields = await statFields(pid);
  const ticksPerSecond = 100;
  return fields ? ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond : 0;
}

export async function memoryOf(pid: number): Promise<{ rssBytes: number; pssBytes: number }> {
  const text = await readOrEmpty(`/proc/${pid}/smaps_rollup`);
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { rssBytes: kilobytes('Rss') * 1024, pssBytes: kilobytes('Pss') * 1024 };
}

/** Sends SIGKILL unless the process is gone already, or is another one by now. */
export async function killProcess(mark: ProcessMark): Promise<void> {
  if (!(await isAlive(mark))) return;
  try {
    process.kill(mark.pid, 'SIGKILL');
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}

/** The fields of `/proc/PID/stat` after the command's name: state, ppid, … */
async function statFields(pid: number): Promise<string[] | undefined> {
  const text = await readOrEmpty(`/proc/${pid}/stat`);
  return text === '' ? undefined : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return '';
    throw error;
  }
}
