import { KraudError, messageOf } from '@kraud/base';
import { Cron } from 'croner';

/** Two of an object's: when it runs. Five fields, as `crontab` takes them; without a time zone, in UTC. */
export interface Schedule {
  readonly schedule: string;
  readonly timeZone?: string;
}

/** `invalid` when it can't be read, or names a time zone that isn't known. */
export function checkSchedule(schedule: Schedule): void {
  nextTime(schedule, 0);
}

/** The last time up to and including this one; undefined when there was none. Milliseconds since 1970. */
export function lastTime(schedule: Schedule, untilMs: number): number | undefined {
  return read(schedule, (cron) => cron.previousRuns(1, new Date(untilMs + 1))[0]?.getTime());
}

/** The first time after this one; undefined when there is none, as on the 31st of February. */
export function nextTime(schedule: Schedule, afterMs: number): number | undefined {
  return read(schedule, (cron) => cron.nextRun(new Date(afterMs))?.getTime());
}

function read<T>({ schedule, timeZone = 'UTC' }: Schedule, ask: (cron: Cron) => T): T {
  try {
    return ask(new Cron(schedule, { mode: '5-part', timezone: timeZone }));
  } catch (error) {
    throw new KraudError('invalid', `invalid schedule ${JSON.stringify(schedule)}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
