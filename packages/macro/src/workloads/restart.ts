import type { SlotRestart } from '../model/index.ts';
import type { Member } from './member.ts';

/** Milliseconds since 1970 as a JSON array: when pods of its slot were started again, so far. */
export const restartsAnnotation = 'kraud.dev/restarts';

/** What becomes of a slot whose newest pod is over. */
export type Restart =
  | { readonly next: 'now'; readonly restarts: readonly number[] }
  | { readonly next: 'later'; readonly inMs: number }
  | { readonly next: 'never'; readonly why: string };

/** A pod that was stopped by the controller, or lost with its host, is replaced at once and counts for nothing. */
export function restartAfter(
  newest: Member | undefined,
  policy: SlotRestart,
  nowMs: number,
  endSeenMs: ReadonlyMap<string, number>,
): Restart {
  const earlier = restartsOf(newest);
  if (newest?.end === undefined || newest.end.asked) return { next: 'now', restarts: earlier };
  const { end, pod } = newest;
  if (policy.condition === 'none') return { next: 'never', why: 'its restart condition is none' };
  if (policy.condition === 'on-failure' && end.ok) return { next: 'never', why: 'it ended with success' };
  // Judged as of the end, so that the answer stays what it was.
  const seenMs = endSeenMs.get(pod.meta.uid) ?? nowMs;
  const endMs = Math.min(seenMs, end.finishedMs ?? seenMs);
  const counted = policy.windowMs === 0 ? earlier : earlier.filter((ms) => ms > endMs - policy.windowMs);
  if (policy.attemptsMax > 0 && counted.length >= policy.attemptsMax) {
    return { next: 'never', why: `it failed after ${policy.attemptsMax} restarts` };
  }
  const inMs = endMs + policy.delayMs - nowMs;
  if (inMs > 0) return { next: 'later', inMs };
  return { next: 'now', restarts: policy.attemptsMax > 0 ? [...counted, nowMs] : [] };
}

function restartsOf(newest: Member | undefined): readonly number[] {
  const text = newest?.pod.meta.annotations[restartsAnnotation];
  if (text === undefined) return [];
  const parsed: unknown = JSON.parse(text);
  return Array.isArray(parsed) ? parsed.filter((ms) => typeof ms === 'number') : [];
}
