import { KraudError } from '@kraud/base';
import type { Cloud } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { type TaskView, tasksOf } from './view.ts';

export async function findTask(cloud: Cloud, call: Call, ref: string): Promise<TaskView> {
  const tasks = await tasksOf(cloud, call.caller);
  const exact = tasks.find(({ id, pod }) => id === ref || pod.meta.name === ref || pod.meta.uid === ref);
  if (exact) return exact;
  const matches = ref === '' ? [] : tasks.filter(({ id }) => id.startsWith(ref));
  const [only] = matches;
  if (matches.length > 1) {
    throw new KraudError('invalid', `task ${ref} is ambiguous (${matches.length} matches found)`);
  }
  if (!only) throw new KraudError('not-found', `task ${ref} not found`);
  return only;
}
