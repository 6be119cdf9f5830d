import { type WhyAnswer, why } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { findPod } from './find.ts';

/** Why a pod is as it is: from what the caches show, so it costs no host a call. */
export function whyPod(parts: CloudParts, caller: Caller, ref: string): WhyAnswer & { name: string } {
  const pod = findPod(parts, caller, ref);
  const seen = {
    hosts: parts.hosts.everywhere(),
    pods: parts.pods.everywhere(),
    volumes: parts.volumes.everywhere(),
  };
  return { ...why(pod, seen, parts.scheduler), name: pod.meta.name };
}
