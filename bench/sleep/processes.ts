import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = 100;

interface Seen {
  readonly pid: number;
  readonly parent: number;
  readonly cpuTicks: number;
  readonly mentions: boolean;
}

/** What all processes of a daemon take together: those that name its directory, and what they have started. */
export interface Cost {
  readonly processes: number;
  readonly pssMiB: number;
  /** Since each began, with what has ended. */
  readonly cpuS: number;
}

export function costOf(dir: string): Cost {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => look(pid, dir) ?? []);
  const ours = new Set(all.filter(({ mentions }) => mentions).map(({ pid }) => pid));
  // A child may have a lower number than its parent.
  for (let before = 0; before < ours.size; ) {
    before = ours.size;
    for (const { pid, parent } of all) if (ours.has(parent)) ours.add(pid);
  }
  const seen = all.filter(({ pid }) => ours.has(pid));
  return {
    processes: seen.length,
    pssMiB: seen.reduce((sum, { pid }) => sum + pssMiB(pid), 0),
    cpuS: seen.reduce((sum, { cpuTicks }) => sum + cpuTicks, 0) / ticksPerSecond,
  };
}

function look(pid: string, dir: string): Seen | undefined {
  const stat = ofProcess(pid, 'stat');
  // The state is the first of these.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (stat === '' || fields[0] === 'Z') return undefined;
  const cpuTicks = fields.slice(11, 15).reduce((sum, text) => sum + Number(text), 0);
  // A jailed VMM doesn't show the directory on its command line, but its jail is mounted from there.
  const mentions = ['cmdline', 'mountinfo'].some((file) => ofProcess(pid, file).includes(`${dir}/`));
  return { pid: Number(pid), parent: Number(fields[1]), cpuTicks, mentions };
}

function pssMiB(pid: number): number {
  const kib = /^Pss:\s+(\d+) kB$/m.exec(ofProcess(String(pid), 'smaps_rollup'))?.[1];
  return Number(kib ?? 0) / 1024;
}

function ofProcess(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It ended while we looked.
    return '';
  }
}
