import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Pod } from '@kraud/macro';
import type { HostParts } from '../parts.ts';
import { PodFiles } from '../pods/pod-files.ts';
import { type RunRecord, readRecord } from '../pods/run-record.ts';

/** The note of a run whose VM is a file. */
export type SleeperRecord = RunRecord & Required<Pick<RunRecord, 'asleep'>>;

/** A run that sleeps, as its pod's owner has it. */
export interface Sleeper {
  readonly record: SleeperRecord;
  /** Whoever sends it something is noticed. */
  parked: boolean;
  /** That it sleeps is in the store. */
  reported: boolean;
  /** Times in a row that it couldn't be woken. */
  failures: number;
}

export const sleeperOf = (record: SleeperRecord, { parked }: Pick<Sleeper, 'parked'>): Sleeper => ({
  record,
  parked,
  reported: false,
  failures: 0,
});

/** What an earlier daemon left asleep; what it left of a sleep that doesn't count is removed. */
export async function leftAsleep(parts: Pick<HostParts, 'dataDir'>, pod: Pod): Promise<Sleeper | undefined> {
  const files = new PodFiles(parts.dataDir, pod.meta.uid);
  const record = readRecord(files.record);
  if (isAsleep(record)) return sleeperOf(record, { parked: false });
  // Looked for first, as it is asked of every pod when a daemon starts, and hardly ever there.
  if (existsSync(files.asleep)) await rm(files.asleep, { recursive: true, force: true });
  return undefined;
}

/** Whether the pod's VM is a file, which may still be woken. */
export function isAsleep(record: RunRecord | undefined): record is SleeperRecord {
  const { use, asleep } = record ?? {};
  if (use !== 'run' || asleep === undefined) return false;
  return asleep.waking === undefined || asleep.waking === bootId();
}

export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
