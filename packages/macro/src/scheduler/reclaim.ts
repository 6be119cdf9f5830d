import type { Room } from './demand.ts';
import type { SchedulerLimits } from './limits.ts';

/** How a pod's use has gone. */
export interface Habit {
  /** What counts as its use. */
  readonly level: Room;
  /** Since when it has not outgrown what was kept for it. */
  readonly sinceMs: number;
}

/** Follows a pod's measured use: growth starts the time anew, and less use is believed once the time is over. */
export function nextHabit(
  habit: Habit | undefined,
  use: Room,
  nowMs: number,
  limits: SchedulerLimits,
): Habit {
  if (!habit) return { level: use, sinceMs: nowMs };
  const kept = withMargin(habit.level, limits);
  if (use.cpu > kept.cpu || use.memory > kept.memory) return { level: use, sinceMs: nowMs };
  if (nowMs - habit.sinceMs < limits.reclaimAfterMs) {
    const { level, sinceMs } = habit;
    return {
      level: { cpu: Math.max(level.cpu, use.cpu), memory: Math.max(level.memory, use.memory) },
      sinceMs,
    };
  }
  return { level: use, sinceMs: habit.sinceMs };
}

/** What is kept for a pod: its reservation, which decays to its use and a margin while it doesn't grow. */
export function keptFor(
  reservation: Room,
  habit: Habit | undefined,
  nowMs: number,
  limits: SchedulerLimits,
): Room {
  if (!limits.reclaim || !habit || nowMs - habit.sinceMs < limits.reclaimAfterMs) return reservation;
  const kept = withMargin(habit.level, limits);
  return {
    cpu: Math.min(reservation.cpu, kept.cpu),
    memory: Math.min(reservation.memory, kept.memory),
  };
}

function withMargin(level: Room, { reclaimMarginShare }: SchedulerLimits): Room {
  const factor = 1 + reclaimMarginShare;
  return { cpu: Math.ceil(level.cpu * factor), memory: Math.ceil(level.memory * factor) };
}
