import type { Pod } from '../model/index.ts';
import { clash, fixedPorts, type Load } from './fleet.ts';

/**
 * How well a pod stands on a host that can take it; more is better. Fuller hosts first, so that few are awake; but
 * not where its ports are taken when there is a place where they are free.
 */
export function score(pod: Pod, load: Load): number {
  const memory = load.memoryBytes / Math.max(1, load.memoryBytesMax);
  const vcpus = load.vcpus / Math.max(1, load.vcpusMax);
  const clashes = fixedPorts(pod).filter((port) => clash(port, load.ports)).length;
  return Math.max(memory, vcpus) - 10 * clashes;
}
