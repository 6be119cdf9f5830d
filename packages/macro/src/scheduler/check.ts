import type { Pod } from '../model/index.ts';
import { misfits } from './fit.ts';
import { Fleet } from './fleet.ts';
import { type Observed, type Plan, type SchedulerLimits, schedulerDefaults } from './plan.ts';

/** What is wrong with a plan, in words; empty when it may be applied. Knows the rules, not how plans are made. */
export function check(
  plan: Plan,
  wanted: readonly Pod[],
  seen: Observed,
  limits: SchedulerLimits = schedulerDefaults,
): string[] {
  const faults: string[] = [];
  const fleet = new Fleet(seen, limits);
  const byUid = new Map(wanted.map((pod) => [pod.meta.uid, pod]));
  const answered = new Set<string>();
  const answer = (uid: string): Pod | undefined => {
    const pod = byUid.get(uid);
    if (!pod) faults.push(`${uid} was not asked for`);
    if (answered.has(uid)) faults.push(`${uid} is answered twice`);
    answered.add(uid);
    return pod;
  };
  for (const binding of plan.bindings) {
    const pod = answer(binding.uid);
    if (!pod) continue;
    const { name } = pod.meta;
    if (pod.spec.host !== undefined) faults.push(`${name} is bound to ${pod.spec.host} already`);
    if (binding.revision !== pod.meta.revision) faults.push(`${name} was planned for another version`);
    const load = fleet.load(binding.host);
    if (!load) {
      faults.push(`${name} is bound to ${binding.host}, which isn't there`);
      continue;
    }
    for (const misfit of misfits(pod, load, fleet)) faults.push(`${name} on ${misfit.host}: ${misfit.why}`);
    fleet.add(binding.host, pod);
  }
  for (const { uid } of plan.refusals) answer(uid);
  for (const pod of wanted) if (!answered.has(pod.meta.uid)) faults.push(`${pod.meta.name} was forgotten`);
  return faults;
}
