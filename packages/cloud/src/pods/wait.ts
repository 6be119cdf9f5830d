import { KraudError } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import type { Caller, WaitCondition } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { removeWithOwner } from '../volumes/anonymous.ts';
import { findPod, isUp, mainContainer } from './find.ts';

export interface Exit {
  exitCode: number;
  error: string;
}

function exitOf(pod: Pod): Exit {
  const name = mainContainer(pod).name;
  const status = pod.status.containers.find((c) => c.name === name);
  return { exitCode: status?.exitCode ?? 0, error: '' };
}

/** Identifies the run whose end was last seen, so that the next end can be told from it. */
function endOf(pod: Pod): string {
  return `${pod.status.serial} ${pod.status.containers[0]?.finishedAt ?? ''}`;
}

export async function waitPod(
  parts: CloudParts,
  caller: Caller,
  ref: string,
  condition: WaitCondition,
  options: { ready?: () => void; signal: AbortSignal },
): Promise<Exit> {
  const found = findPod(parts, caller, ref);
  let last = exitOf(found);
  const atFirst = endOf(found);
  const result = parts.pods.follow(
    caller.tenant,
    found.meta.uid,
    (version) => {
      if (!version) return last;
      last = exitOf(version);
      if (condition === 'removed' || isUp(version) || version.status.phase === 'starting') return undefined;
      if (condition === 'not-running' && version.status.phase !== 'restarting') return last;
      // An end that a restart policy answers is one too, for whoever waited for it.
      const finished = version.status.containers[0]?.finishedAt !== undefined;
      return finished && endOf(version) !== atFirst ? last : undefined;
    },
    options.signal,
  );
  options.ready?.();
  const exit = await result.catch((error: unknown) => {
    if (!options.signal.aborted) throw error;
    throw new KraudError('canceled', 'the client went away');
  });
  // To whoever waited for the end of a pod, its own volumes are a part of it.
  if (condition === 'removed') await removeWithOwner(parts, found);
  return exit;
}
