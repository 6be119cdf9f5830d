import type { Happening } from '../events/event-log.ts';
import type { Workload } from '../model/index.ts';
import type { Recorded } from './change-events.ts';

/** A step of an update that its controller took, in Docker's words. */
export function updateHappenings(before: Workload | undefined, after: Workload | undefined): Happening[] {
  const [was, is] = [before?.status.update?.state, after?.status.update?.state];
  if (!after || is === undefined || is === was) return [];
  const word = (state: string): string => state.replaceAll('-', '_');
  const attributes = {
    name: after.meta.name,
    'updatestate.new': word(is),
    ...(was === undefined ? {} : { 'updatestate.old': word(was) }),
  };
  return [{ type: 'service', action: 'update', actor: after.meta.uid, attributes }];
}

/** How updates of workloads go on. */
export const workloadEvents: Recorded<'Workload'> = {
  kind: 'Workload',
  cursor: '/cursor/workload-events',
  happenings: updateHappenings,
};
