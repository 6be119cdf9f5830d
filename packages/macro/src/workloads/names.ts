import { createHash } from 'node:crypto';
import { compactId } from '@kraud/base';
import type { Host, Workload } from '../model/index.ts';

/** The id of a slot's pod: whoever makes it, and however often, it is this one. */
export function podUid(workload: string, slot: string, attempt: number): string {
  return createHash('sha256').update(`${workload} ${slot} ${attempt}`).digest('hex');
}

/**
 * | mode             | slot    | name                                  |
 * | ---------------- | ------- | ------------------------------------- |
 * | replicated, job  | `2`     | `web.2.` and the pod's compact id     |
 * | global           | `alpha` | `web.`, the host's compact id, `.` and the pod's |
 * | ordered          | `0`     | `web-0`                               |
 */
export function podName(workload: Workload, slot: string, uid: string, host: Host | undefined): string {
  const { name } = workload.meta;
  if (workload.spec.mode.type === 'ordered') return orderedName(name, slot);
  return `${name}.${host ? compactId(host.meta.uid) : slot}.${compactId(uid)}`;
}

export function orderedName(workload: string, slot: string): string {
  return `${workload}-${slot}`;
}
