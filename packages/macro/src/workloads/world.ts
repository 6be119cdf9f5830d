import { must } from '@kraud/base';
import type { Workload, WorkloadRevision, WorkloadStatus } from '../model/index.ts';
import { type Member, memberOf } from './member.ts';
import { keepRevisions } from './revisions.ts';
import type { WorkloadSeen } from './seen.ts';
import { type Slot, slotOf } from './slot.ts';
import { countAttempts } from './status.ts';

/** What is seen, sorted for planning. */
export interface World extends WorkloadSeen {
  readonly members: readonly Member[];
  readonly revisions: readonly WorkloadRevision[];
  /** The wanted one. */
  readonly last: WorkloadRevision;
  readonly attempts: WorkloadStatus['attempts'];
}

export function worldOf(seen: WorkloadSeen): World {
  const hosts = new Map(seen.hosts.map((host) => [host.meta.name, host]));
  const members = seen.pods.map((pod) => memberOf(pod, hosts, seen.mayMove));
  const revisions = keepRevisions(seen.workload, seen.nowMs);
  return {
    ...seen,
    members,
    revisions,
    last: must(revisions.at(-1), 'a workload has a revision'),
    attempts: countAttempts(seen.workload.status.attempts, members),
  };
}

/** The slots by name: these, and every other one that has pods. */
export function slotsOf(
  world: Pick<World, 'attempts'>,
  names: readonly string[],
  members: readonly Member[],
): ReadonlyMap<string, Slot> {
  const groups = Map.groupBy(members, ({ slot }) => slot);
  const all = new Set([...names, ...groups.keys()]);
  return new Map(
    [...all].map((name) => [name, slotOf(name, groups.get(name) ?? [], world.attempts[name] ?? 0)]),
  );
}

/** Whether what is wanted was changed since the status was written. */
export function isChanged({ meta, status }: Pick<Workload, 'meta' | 'status'>): boolean {
  return status.generation !== meta.generation;
}
