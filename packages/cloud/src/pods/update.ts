import { codeOf, KraudError, MiB } from '@kraud/base';
import type { Pod, Resources, RestartPolicy } from '@kraud/macro';
import { cpusNamed, sizeClass } from '../admission/size.ts';
import type { Caller } from '../contract.ts';
import type { PodLimits } from '../limits.ts';
import type { CloudParts } from '../parts.ts';
import { findPod, isUp, keyOf, mainContainer } from './find.ts';

export interface PodChange {
  resources?: Resources;
  restart?: RestartPolicy;
  cpus?: number;
}

/**
 * New limits for a pod. A pod without a VM gets the size that a new one would; the VM of one that runs keeps its
 * size, so its limits can't outgrow that until the next start.
 */
export async function updatePod(
  parts: CloudParts,
  caller: Caller,
  ref: string,
  change: PodChange,
): Promise<{ warnings: string[] }> {
  const found = findPod(parts, caller, ref);
  const updated = await parts.pods.mutate(keyOf(found), (pod) => changed(pod, change, parts.limits));
  if (change.resources && isUp(updated)) {
    const container = mainContainer(updated);
    try {
      await parts.hostOf(updated.spec.host).update(updated.meta.uid, container.name, container.resources);
    } catch (error) {
      // It ended meanwhile: the next run has the new limits.
      if (codeOf(error) !== 'conflict') throw error;
    }
  }
  return { warnings: [] };
}

/** The pod with the change; throws when it can't be had. */
export function changed(pod: Pod, change: PodChange, limits: PodLimits): Pod {
  if (change.restart && change.restart.name !== 'no' && pod.spec.autoRemove) {
    throw new KraudError(
      'invalid',
      'Restart policy cannot be updated because AutoRemove is enabled for the container',
    );
  }
  const container = mainContainer(pod);
  const resources = { ...container.resources, ...change.resources };
  refuseContradictions(resources, limits.memoryBytesMin);
  const unbound = change.resources?.cpuQuotaUs === -1;
  const cpus = change.cpus ?? (unbound ? undefined : (quotaCpus(change.resources ?? {}) ?? pod.spec.cpus));
  const { cpus: _, ...spec } = pod.spec;
  const { memoryBytes, cpuset } = resources;
  const mayBeInVm = isUp(pod) || pod.status.phase === 'starting';
  if (mayBeInVm) refuseOutgrowing(pod, { memoryBytes, cpus: Math.max(cpus ?? 0, cpusNamed(cpuset)) }, limits);
  const resized = change.resources !== undefined || change.cpus !== undefined;
  const size =
    resized && !mayBeInVm
      ? sizeClass(
          {
            ...(memoryBytes ? { memoryBytes } : {}),
            ...(cpus ? { cpus } : {}),
            ...(cpuset ? { cpuset } : {}),
          },
          limits,
        )
      : {};
  return {
    ...pod,
    spec: {
      ...spec,
      containers: [{ ...container, resources }, ...pod.spec.containers.slice(1)],
      ...(change.restart ? { restart: change.restart } : {}),
      ...(cpus ? { cpus } : {}),
      ...size,
    },
  };
}

function quotaCpus({ cpuQuotaUs, cpuPeriodUs }: Resources): number | undefined {
  return cpuQuotaUs && cpuQuotaUs > 0 ? cpuQuotaUs / (cpuPeriodUs || 100_000) : undefined;
}

function refuseContradictions(resources: Resources, memoryBytesMin: number): void {
  const { memoryBytes, memorySwapBytes, memoryReservationBytes } = resources;
  if (memoryBytes && memoryBytes < memoryBytesMin) {
    throw new KraudError('invalid', `Minimum memory limit allowed is ${memoryBytesMin / MiB}MB`);
  }
  if (memoryBytes && memorySwapBytes && memorySwapBytes > 0 && memorySwapBytes < memoryBytes) {
    throw new KraudError(
      'invalid',
      'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
    );
  }
  if (memoryBytes && memoryReservationBytes && memoryReservationBytes > memoryBytes) {
    throw new KraudError(
      'invalid',
      'Minimum memory limit can not be less than memory reservation limit, see usage',
    );
  }
}

function refuseOutgrowing(
  pod: Pod,
  wanted: { memoryBytes: number | undefined; cpus: number },
  limits: PodLimits,
): void {
  const roomMiB = pod.spec.memoryMiB - limits.guestOverheadMiB;
  if (wanted.memoryBytes && wanted.memoryBytes > roomMiB * MiB) {
    throw new KraudError(
      'unsupported',
      `memory can't grow past ${roomMiB} MiB while the pod runs, the size of its VM; stop it first`,
    );
  }
  if (wanted.cpus > pod.spec.vcpus) {
    throw new KraudError(
      'unsupported',
      `cpus can't grow past ${pod.spec.vcpus} while the pod runs, the number that its VM has; stop it first`,
    );
  }
}
