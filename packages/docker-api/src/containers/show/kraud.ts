import type { Pod } from '@kraud/cloud';

/** What Docker's inspect has no words for: the boot ledger and the VM. */
export function kraudOf(pod: Pod): Record<string, unknown> {
  const { vm, ledger, asleep } = pod.status;
  return {
    Ledger: ledger ?? [],
    Accelerator: vm?.accelerator ?? '',
    Warm: vm?.warm ?? false,
    HostPaths: vm?.hostPaths ?? false,
    Asleep: asleep ? { Since: asleep.since, Why: asleep.why } : null,
    Host: pod.spec.host ?? '',
    VCPUs: pod.spec.vcpus,
    MemoryMiB: pod.spec.memoryMiB,
    Message: pod.status.message,
  };
}
