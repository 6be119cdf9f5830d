import { checkPlan, Fleet, type Host, type Pod, planPlacements, type SchedulerLimits } from '@kraud/macro';
import { percentile } from '../samples.ts';

export interface Placed {
  readonly pods: number;
  readonly refused: number;
  readonly wallS: number;
  readonly cpuS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly usedHosts: ReadonlySet<string>;
}

/**
 * Places pods one by one, each decision as in production: planned, checked by the checker, and applied to the fleet.
 * Stops early, between two pods, when `boundS` is over.
 */
export function place(
  hosts: readonly Host[],
  pods: readonly Pod[],
  limits: SchedulerLimits,
  boundS = Number.POSITIVE_INFINITY,
): Placed {
  const fleet = Fleet.of({ hosts, pods: [], volumes: [] }, limits);
  const samples: number[] = [];
  const usedHosts = new Set<string>();
  let refused = 0;
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  for (const pod of pods) {
    const beganMs = performance.now();
    if (beganMs - startMs > boundS * 1000) break;
    const made = planPlacements([pod], fleet);
    const faults = checkPlan(made, [pod], fleet);
    if (faults.length > 0) throw new Error(faults.join('; '));
    const [binding] = made.bindings;
    if (binding) {
      fleet.setPod({ ...pod, spec: { ...pod.spec, host: binding.host } });
      usedHosts.add(binding.host);
    } else refused += 1;
    samples.push(performance.now() - beganMs);
  }
  const wallS = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    pods: samples.length,
    refused,
    wallS,
    cpuS: (user + system) / 1e6,
    p50Ms: percentile(samples, 0.5),
    p99Ms: percentile(samples, 0.99),
    usedHosts,
  };
}
