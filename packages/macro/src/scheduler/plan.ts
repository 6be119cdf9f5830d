import type { Host, Pod, Volume } from '../model/index.ts';
import { type Misfit, misfits } from './fit.ts';
import { Fleet } from './fleet.ts';
import { score } from './score.ts';

export const schedulerDefaults = {
  /** Memory of the VMs that may be promised for each byte that a host has: idle ones use a fraction of theirs. */
  memoryOvercommit: 8,
  vcpuOvercommit: 100,
};
export type SchedulerLimits = typeof schedulerDefaults;

/** All that a decision rests on. Nothing else may: same input, same plan. */
export interface Observed {
  readonly hosts: readonly Host[];
  /** Every pod, bound or not. */
  readonly pods: readonly Pod[];
  readonly volumes: readonly Volume[];
}

export interface Binding {
  readonly uid: string;
  /** The version that was planned for: a stale plan is refused when it is applied. */
  readonly revision: number;
  readonly host: string;
}

/** Why a pod has no place: one reason a host, or one for all when there is no host. */
export interface Refusal {
  readonly uid: string;
  readonly reasons: readonly Misfit[];
  /** In one sentence, for people. */
  readonly message: string;
}

export interface Plan {
  readonly bindings: readonly Binding[];
  readonly refusals: readonly Refusal[];
}

/** Finds a host for each wanted pod, in order: filter, then score, each on top of the ones before. */
export function plan(
  wanted: readonly Pod[],
  seen: Observed,
  limits: SchedulerLimits = schedulerDefaults,
): Plan {
  const fleet = new Fleet(seen, limits);
  const bindings: Binding[] = [];
  const refusals: Refusal[] = [];
  for (const pod of wanted) {
    const reasons: Misfit[] = [];
    let best: { name: string; score: number } | undefined;
    for (const load of fleet.loads()) {
      const [misfit] = misfits(pod, load, fleet);
      if (misfit) {
        reasons.push(misfit);
        continue;
      }
      const candidate = { name: load.host.meta.name, score: score(pod, load) };
      if (!best || candidate.score > best.score) best = candidate;
    }
    if (best) {
      fleet.add(best.name, pod);
      bindings.push({ uid: pod.meta.uid, revision: pod.meta.revision ?? 0, host: best.name });
    } else refusals.push({ uid: pod.meta.uid, reasons, message: explain(reasons) });
  }
  return { bindings, refusals };
}

/** `no host can take it: 2 cordoned, 1 lacks memory`. */
function explain(reasons: readonly Misfit[]): string {
  if (reasons.length === 0) return 'no host has joined yet';
  const counts = new Map<string, number>();
  for (const { why } of reasons) counts.set(why, (counts.get(why) ?? 0) + 1);
  if (reasons.length === 1 && reasons[0]) return `host ${reasons[0].host} can't take it: ${reasons[0].why}`;
  const parts = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([why, count]) => `${count} × ${why}`);
  return `none of ${reasons.length} hosts can take it: ${parts.join(', ')}`;
}
