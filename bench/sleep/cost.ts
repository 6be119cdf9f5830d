import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../free-port.ts';
import type { Kraudd } from '../kraudd.ts';
import { appArguments } from './apps.ts';
import { type Cost, costOf } from './processes.ts';

const restMs = 5_000;
const watchedMs = 30_000;

/** What pods cost while they sleep: all that the daemon and whatever belongs to it take, without them and with them. */
export async function costOfSleepers(daemon: Kraudd, count: number): Promise<Record<string, number>> {
  const without = await watched(daemon.dir);
  const names = Array.from({ length: count }, (_, i) => `sleeper-${i}`);
  for (const name of names) {
    await daemon.docker('run', '-d', ...appArguments('quick', name, await freePort()));
    await daemon.sleep(name);
  }
  const having = await watched(daemon.dir);
  await daemon.docker('rm', '-f', ...names);
  const round = (value: number): number => Math.round(value * 100) / 100;
  return {
    sleepers: count,
    processes_without: without.processes,
    processes_with: having.processes,
    pss_mib_without: round(without.pssMiB),
    pss_mib_with: round(having.pssMiB),
    cpu_s_in_30_s_without: round(without.cpuS),
    cpu_s_in_30_s_with: round(having.cpuS),
  };
}

/** Over a while in which nothing happens. */
async function watched(dir: string): Promise<Cost> {
  await delay(restMs);
  const begun = costOf(dir);
  await delay(watchedMs);
  const over = costOf(dir);
  return { ...over, cpuS: over.cpuS - begun.cpuS };
}
