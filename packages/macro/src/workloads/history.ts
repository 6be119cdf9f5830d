import type { Member } from './member.ts';
import type { Slot } from './slot.ts';

/**
 * Ended pods that are kept no longer: all but the newest few of a slot. The very last one stays while nothing has taken
 * its place, since it says when and whether something may.
 */
export function outdated(slot: Slot, kept: number): readonly Member[] {
  return slot.ended.slice(Math.max(kept, slot.live.length > 0 ? 0 : 1));
}
