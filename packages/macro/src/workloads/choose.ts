import { isUp } from './member.ts';
import type { Slot } from './slot.ts';

/**
 * The numbers of the slots of a replicated workload: those that it has, then the lowest free ones. Too many: those
 * that run nothing go first, then those on the host with the most of them, then the highest.
 */
export function chooseSlots(
  present: readonly number[],
  count: number,
  slots: ReadonlyMap<string, Slot>,
): number[] {
  const kept = present.length > count ? fewer(present, count, slots) : [...present];
  const taken = new Set(kept);
  for (let number = 1; kept.length < count; number += 1) {
    if (!taken.has(number)) kept.push(number);
  }
  return kept.sort((a, b) => a - b);
}

function fewer(present: readonly number[], count: number, slots: ReadonlyMap<string, Slot>): number[] {
  const onHost = new Map<string, number>();
  const ranked = [...present]
    .sort((a, b) => a - b)
    .map((number) => {
      const up = slots.get(String(number))?.live.find(isUp);
      const host = up?.pod.spec.host;
      if (host === undefined) return { number, crowd: Number.POSITIVE_INFINITY };
      const crowd = onHost.get(host) ?? 0;
      onHost.set(host, crowd + 1);
      return { number, crowd };
    });
  return ranked
    .sort((a, b) => (a.crowd === b.crowd ? a.number - b.number : a.crowd - b.crowd))
    .slice(0, count)
    .map(({ number }) => number);
}
