import { KraudError } from '@kraud/base';
import type { Workload } from '@kraud/macro';

const changesName = 'kr.changes';
const changedAtName = 'kr.changed-at';

const changesOf = ({ meta }: Workload): number => Number(meta.annotations[changesName] ?? 0);

/** Swarm's indexes count the writes of all its store, so that no service there has ever begun at 1. */
const firstVersion = 10;

/**
 * Rises with each change of what is wanted, and only then. The store's revision also rises with what is seen, so a
 * client that reads and then writes would lose against every pod that starts in between.
 */
export function versionOf(workload: Workload): number {
  return firstVersion + workload.meta.generation + changesOf(workload);
}

export function refuseStale(workload: Workload, version: number): void {
  if (versionOf(workload) !== version) throw new KraudError('conflict', 'update out of sequence');
}

/** When a user changed what is wanted, ISO 8601; when it was made, as long as nobody has. */
export const changedAtOf = ({ meta }: Workload): string => meta.annotations[changedAtName] ?? meta.createdAt;

/** The annotations of a user's next change, which is made at `at`. */
export function nextChange(
  present: Workload,
  annotations: Record<string, string>,
  at: string,
): Record<string, string> {
  return { ...annotations, [changesName]: String(changesOf(present) + 1), [changedAtName]: at };
}
