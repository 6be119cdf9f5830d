import { KraudError, MiB } from '@kraud/base';
import type { Resources, RestartPolicy } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { findPod, isUp, keyOf, mainContainer } from './find.ts';

/** New limits for a pod. The VM keeps its size while it runs, so a limit can't outgrow it until the next start. */
export async function updatePod(
  parts: CloudParts,
  caller: Caller,
  ref: string,
  change: { resources?: Resources; restart?: RestartPolicy; cpus?: number },
): Promise<{ warnings: string[] }> {
  const found = findPod(parts, caller, ref);
  const updated = await parts.pods.mutate(keyOf(found), (pod) => {
    if (change.restart && change.restart.name !== 'no' && pod.spec.autoRemove) {
      throw new KraudError(
        'invalid',
        'Restart policy cannot be updated because AutoRemove is enabled for the container',
      );
    }
    const container = mainContainer(pod);
    const resources = { ...container.resources, ...change.resources };
    refuseResources(
      pod.spec.memoryMiB - parts.limits.guestOverheadMiB,
      resources,
      parts.limits.memoryBytesMin,
    );
    return {
      ...pod,
      spec: {
        ...pod.spec,
        containers: [{ ...container, resources }, ...pod.spec.containers.slice(1)],
        ...(change.restart ? { restart: change.restart } : {}),
        ...(change.cpus ? { cpus: change.cpus } : {}),
      },
    };
  });
  if (change.resources && isUp(updated)) {
    const container = mainContainer(updated);
    await parts.hostOf(updated.spec.host).update(updated.meta.uid, container.name, container.resources);
  }
  return { warnings: [] };
}

function refuseResources(roomMiB: number, resources: Resources, memoryBytesMin: number): void {
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
  if (memoryBytes && memoryBytes > roomMiB * MiB) {
    throw new KraudError(
      'unsupported',
      `memory can't grow past ${roomMiB} MiB, the size of this pod's VM; create it anew with more`,
    );
  }
}
