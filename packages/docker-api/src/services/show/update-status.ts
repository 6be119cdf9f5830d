import type { Workload } from '@kraud/cloud';

const states = {
  updating: 'updating',
  paused: 'paused',
  completed: 'completed',
  'rollback-started': 'rollback_started',
  'rollback-paused': 'rollback_paused',
  'rollback-completed': 'rollback_completed',
} as const;

/** `UpdateStatus`, as long as it speaks of what is wanted now. */
export function updateStatusOf({ meta, status }: Workload): Record<string, unknown> | undefined {
  const { update } = status;
  if (!update || status.generation !== meta.generation) return undefined;
  return {
    State: states[update.state],
    StartedAt: update.startedAt,
    ...(update.completedAt === undefined ? {} : { CompletedAt: update.completedAt }),
    Message: update.message,
  };
}
