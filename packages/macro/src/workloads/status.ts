import type { Workload, WorkloadRevision, WorkloadStatus } from '../model/index.ts';
import { isLive, isUp, type Member } from './member.ts';

/** The counts of a status, from the pods that hold its slots. */
export function countMembers(
  members: readonly Member[],
  last: WorkloadRevision,
): Pick<WorkloadStatus, 'running' | 'ready' | 'updated'> {
  const up = members.filter(isUp);
  return {
    running: up.length,
    ready: up.filter(({ state }) => state === 'ready').length,
    updated: up.filter(({ hash }) => hash === last.hash).length,
  };
}

/** Attempts as they were known, and those that are seen. */
export function countAttempts(
  known: WorkloadStatus['attempts'],
  members: readonly Member[],
): WorkloadStatus['attempts'] {
  const attempts = { ...known };
  for (const { slot, attempt } of members) attempts[slot] = Math.max(attempts[slot] ?? 1, attempt, 1);
  return attempts;
}

/** Why it isn't as wanted, for people: the first reason that a pod gives for having no host. */
export function messageOf(workload: Workload, members: readonly Member[], notes: readonly string[]): string {
  if (workload.meta.deletedAt !== undefined) return 'being removed';
  const unplaced = members.filter((member) => isLive(member) && member.pod.spec.host === undefined);
  const reason = unplaced.map(({ pod }) => pod.status.message).find((message) => message !== '');
  return [...notes, ...(reason === undefined ? [] : [reason])].join('; ');
}
