import { type ErrorCode, KraudError } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { admitToQuota, confirmQuota } from '../quotas/admit.ts';
import { findPod, keyOf, mainContainer } from './find.ts';
import { unplaced } from './placed.ts';

/** Where a start's clock begins, for the boot ledger: milliseconds since 1970. */
export const startRequested = 'kraud.dev/start-requested-ms';

/** Asks for a run and waits for what comes of it: the program runs, or the reason why it can't. */
export async function startPod(parts: CloudParts, caller: Caller, ref: string): Promise<Pod> {
  const requestedMs = parts.clock.now();
  const found = findPod(parts, caller, ref);
  let serial = 0;
  const admit = ({ spec, meta }: Pod): void => admitToQuota(parts, caller, spec, { except: meta.uid });
  const asked = await parts.pods.mutate(keyOf(found), (pod) => {
    refuseStart(pod);
    admit(pod);
    serial = Math.max(pod.spec.run.serial, pod.status.serial) + 1;
    return {
      ...pod,
      meta: { ...pod.meta, annotations: { ...pod.meta.annotations, [startRequested]: String(requestedMs) } },
      spec: { ...pod.spec, run: { wanted: 'running', serial, stoppedByUser: false } },
    };
  });
  await confirmQuota(
    parts,
    asked,
    () => admit(asked),
    () => parts.pods.mutate(keyOf(found), (pod) => withdrawn(pod, serial)),
  );
  return await waitForRun(parts, found, serial);
}

/** The pod without this run; as it is when another was asked for since. */
function withdrawn(pod: Pod, serial: number): Pod | undefined {
  if (pod.spec.run.serial !== serial || pod.spec.run.wanted !== 'running') return undefined;
  return { ...pod, spec: { ...pod.spec, run: { wanted: 'stopped', serial, stoppedByUser: true } } };
}

function refuseStart(pod: Pod): void {
  if (pod.meta.deletedAt !== undefined) {
    throw new KraudError('conflict', 'container is marked for removal and cannot be started');
  }
  switch (pod.status.phase) {
    case 'running':
      throw new KraudError('unchanged', `container ${pod.meta.uid} is already running`);
    case 'paused':
      throw new KraudError('conflict', 'cannot start a paused container, try unpause instead');
    case 'removing':
    case 'dead':
      throw new KraudError('conflict', 'container is marked for removal and cannot be started');
    default:
  }
}

/** A run's status has the words of what went wrong. */
const codeOfFailure = (failure: string): ErrorCode =>
  /^network \S+ not found$/.test(failure) ? 'not-found' : 'invalid';

/** Resolves once the run with this serial has begun, even if it is over by now. */
export async function waitForRun(parts: CloudParts, pod: Pod, serial: number): Promise<Pod> {
  const signal = AbortSignal.timeout(parts.limits.startTimeoutMs);
  const name = mainContainer(pod).name;
  const result = await parts.pods
    .follow(
      pod.meta.tenant,
      pod.meta.uid,
      (version) => {
        if (!version) return new KraudError('not-found', `No such container: ${pod.meta.uid}`);
        if (version.status.serial < serial) return unplaced(version);
        if (version.status.phase === 'starting') return undefined;
        const failure = version.status.containers.find((c) => c.name === name)?.error;
        if (failure && version.status.serial === serial)
          return new KraudError(codeOfFailure(failure), failure);
        return version;
      },
      signal,
    )
    .catch((error: unknown) => {
      if (!signal.aborted) throw error;
      throw new KraudError(
        'timeout',
        `container ${pod.meta.name} did not start within ${parts.limits.startTimeoutMs} ms`,
      );
    });
  if (result instanceof KraudError) throw result;
  return result;
}
