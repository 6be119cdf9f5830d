import { readFileSync } from 'node:fs';
import type { Clock } from '@kraud/base';
import type { Host, Pod } from '@kraud/macro';

type Usage = NonNullable<Host['status']['usage']>;

/** `USER_HZ`: the unit of CPU times in /proc, the same on every Linux that we run on. */
const ticksPerS = 100;
const pageBytes = 4096;
/** Coarse, so that what hardly changes doesn't change at all. */
const memoryStepBytes = 1024 * 1024;
const cpuSteps = 100;

interface Before {
  readonly pid: number;
  readonly cpuS: number;
  readonly atMs: number;
}

/** What a process has used: CPU since its start, memory now. */
export interface ProcessUse {
  readonly cpuS: number;
  readonly memoryBytes: number;
}

/**
 * What the pods of this host really use, measured at their VMs' processes from outside: it needs no word of the
 * guest's. CPU is the mean since the sample before, so the first sample of a VM says nothing yet.
 */
export class UsageSampler {
  readonly #pods: () => readonly Pod[];
  readonly #clock: Clock;
  readonly #read: (pid: number) => ProcessUse | undefined;
  #before = new Map<string, Before>();

  constructor(
    pods: () => readonly Pod[],
    clock: Clock,
    read: (pid: number) => ProcessUse | undefined = readProcess,
  ) {
    this.#pods = pods;
    this.#clock = clock;
    this.#read = read;
  }

  /** Use by pod uid. */
  sample(): Usage {
    const usage: Usage = {};
    const atMs = this.#clock.monotonic();
    const seen = new Map<string, Before>();
    for (const { meta, status } of this.#pods()) {
      const pid = status.vm?.pid;
      const use = pid === undefined ? undefined : this.#read(pid);
      if (pid === undefined || !use) continue;
      seen.set(meta.uid, { pid, cpuS: use.cpuS, atMs });
      const before = this.#before.get(meta.uid);
      if (before?.pid !== pid || atMs <= before.atMs) continue;
      const cpus = ((use.cpuS - before.cpuS) * 1000) / (atMs - before.atMs);
      usage[meta.uid] = {
        cpus: Math.ceil(Math.max(0, cpus) * cpuSteps) / cpuSteps,
        memoryBytes: Math.ceil(use.memoryBytes / memoryStepBytes) * memoryStepBytes,
      };
    }
    this.#before = seen;
    return usage;
  }
}

/** Undefined when there is no such process. */
export function readProcess(pid: number): ProcessUse | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold spaces: fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [userTicks, systemTicks, residentPages] = [fields[11], fields[12], fields[21]].map(Number);
    if (userTicks === undefined || systemTicks === undefined || residentPages === undefined) return undefined;
    return { cpuS: (userTicks + systemTicks) / ticksPerS, memoryBytes: residentPages * pageBytes };
  } catch {
    return undefined;
  }
}
