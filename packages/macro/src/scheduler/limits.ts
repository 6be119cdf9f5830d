export interface SchedulerLimits {
  /** Memory of the VMs that may be promised for each byte that a host has: idle ones use a fraction of theirs. */
  memoryOvercommit: number;
  vcpuOvercommit: number;
  /** Pods that want the same of a host are judged once for all. */
  equivalenceClasses: boolean;
  /** The part of a score that doesn't change with the load is kept for each class and host. */
  scoreCache: boolean;
  /** Hosts that can take a pod and are compared for it; 0 = all that there are. */
  sampleHostsMax: number;
  /** Classes that are remembered. */
  classesMax: number;
  /** Where the search among hosts that look alike begins. */
  seed: number;
  /** Weak bands may run in what stronger pods reserve and don't use. */
  reclaim: boolean;
  /** A pod's use has to have stood still for so long before its reservation decays. */
  reclaimAfterMs: number;
  /** What is kept above measured use, as a share of it. */
  reclaimMarginShare: number;
}

export const schedulerDefaults: SchedulerLimits = {
  memoryOvercommit: 8,
  vcpuOvercommit: 100,
  equivalenceClasses: true,
  scoreCache: true,
  sampleHostsMax: 16,
  classesMax: 512,
  seed: 1,
  reclaim: true,
  reclaimAfterMs: 300_000,
  reclaimMarginShare: 0.25,
};
