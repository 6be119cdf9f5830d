import type { Logger } from '@kraud/base';
import { type Logger as Pino, pino } from 'pino';

const wrap = (log: Pino): Logger => ({
  debug: (fields, message) => log.debug(fields, message),
  info: (fields, message) => log.info(fields, message),
  warn: (fields, message) => log.warn(fields, message),
  error: (fields, message) => log.error(fields, message),
  child: (fields) => wrap(log.child(fields)),
});

/** JSON lines on stderr, so that stdout stays free. Written at once: a killed daemon loses no line. */
export function openLog(level: string): Logger {
  return wrap(
    pino(
      { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
      pino.destination({ dest: 2, sync: true }),
    ),
  );
}
