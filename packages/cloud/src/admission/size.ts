import { KraudError, MiB } from '@kraud/base';
import type { PodLimits } from '../limits.ts';

/** Memory of VMs, in MiB: few sizes, so that templates and warm slots are shared. */
const classesMiB = [128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];

/**
 * The size class of a pod from what its container may use. A memory limit must fit with the guest's own need
 * beside it; the container's cgroup then enforces the limit to the byte.
 *
 * | limit    | VM       |
 * | -------- | -------- |
 * | none     | default  |
 * | 64 MiB   | 128 MiB  |
 * | 128 MiB  | 256 MiB  |
 * | 512 MiB  | 1024 MiB |
 *
 * A set of CPUs, `0,2-3`, counts from the VM's first one: it has as many as the set reaches to.
 */
export function sizeClass(
  wanted: { memoryBytes?: number; cpus?: number; cpuset?: string },
  limits: PodLimits,
): { vcpus: number; memoryMiB: number } {
  const asked = wanted.cpus ? Math.max(1, Math.ceil(wanted.cpus)) : limits.vcpusDefault;
  const named = cpusNamed(wanted.cpuset);
  if (named > limits.vcpusMax) {
    throw new KraudError(
      'invalid',
      `Requested CPUs are not available - requested ${wanted.cpuset}, available: 0-${limits.vcpusMax - 1}`,
    );
  }
  const vcpus = Math.max(asked, named);
  if (vcpus > limits.vcpusMax) {
    throw new KraudError(
      'invalid',
      `Range of CPUs is from 0.01 to ${limits.vcpusMax}.00, as there are only ${limits.vcpusMax} CPUs available`,
    );
  }
  if (!wanted.memoryBytes) return { vcpus, memoryMiB: limits.memoryMiBDefault };
  if (wanted.memoryBytes < limits.memoryBytesMin) {
    throw new KraudError('invalid', `Minimum memory limit allowed is ${limits.memoryBytesMin / MiB}MB`);
  }
  const needMiB = Math.ceil(wanted.memoryBytes / MiB) + limits.guestOverheadMiB;
  const memoryMiB = classesMiB.find((size) => size >= needMiB);
  if (memoryMiB === undefined || memoryMiB > limits.memoryMiBMax) {
    throw new KraudError(
      'invalid',
      `memory limit ${wanted.memoryBytes} is more than a pod may have (${limits.memoryMiBMax - limits.guestOverheadMiB} MiB)`,
    );
  }
  return { vcpus, memoryMiB };
}

/** How many CPUs there must be for the last of a set. */
export function cpusNamed(cpuset = ''): number {
  return Math.max(0, ...(cpuset.match(/\d+/g) ?? []).map((cpu) => Number(cpu) + 1));
}
