import { readdirSync, readFileSync } from 'node:fs';

/** Proportional set size of all processes whose command line names the directory, in MiB (smaps_rollup). */
export function vmmPssMiB(dir: string): number {
  let kib = 0;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!line.includes('qemu-system') || !isUnder(pid, dir)) continue;
      const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
      kib += Number(pss?.[1] ?? 0);
    } catch {
      // It ended while we looked.
    }
  }
  return kib / 1024;
}

/** A jailed VMM doesn't show the directory on its command line, but its jail is mounted from there. */
function isUnder(pid: string, dir: string): boolean {
  return ['cmdline', 'mountinfo', 'maps'].some((file) =>
    readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(dir),
  );
}
