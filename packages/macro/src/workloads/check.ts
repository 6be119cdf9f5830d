import { isLive } from './member.ts';
import type { WorkloadPlan, WorkloadSeen } from './seen.ts';
import { worldOf } from './world.ts';

/** The rules that a plan breaks; a plan that breaks one is a bug and must not be carried out. */
export function checkWorkloadPlan(plan: WorkloadPlan, seen: WorkloadSeen): string[] {
  const { members } = worldOf(seen);
  const faults: string[] = [];
  const made = new Set<string>();
  for (const { slot, attempt, revision } of plan.create) {
    const own = members.filter((member) => member.slot === slot);
    // Only a `start-first` that takes over from one pod may add a second.
    const live = own.filter(isLive).length;
    const { mode, update, rollback } = revision.spec;
    const mayPair =
      (mode.type === 'replicated' || mode.type === 'global') &&
      (update.order === 'start-first' || rollback.order === 'start-first');
    if (live > (mayPair ? 1 : 0)) faults.push(`slot ${slot} has ${live} pods and gets another`);
    if (made.has(slot)) faults.push(`slot ${slot} gets two pods at once`);
    if (own.some((member) => member.attempt >= attempt))
      faults.push(`slot ${slot}: attempt ${attempt} was made`);
    made.add(slot);
  }
  for (const pod of plan.remove) {
    const member = members.find((other) => other.pod === pod);
    if (member?.state !== 'ended' && member?.state !== 'lost')
      faults.push(`${pod.meta.name} is removed while it runs`);
  }
  if (plan.finished && members.length > 0) faults.push('it is finished though it has pods');
  if (plan.rollback && plan.create.length + plan.stop.length + plan.remove.length > 0) {
    faults.push('a rollback is asked for and not only that');
  }
  return faults;
}
