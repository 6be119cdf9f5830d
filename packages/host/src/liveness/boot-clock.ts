import { readFileSync } from 'node:fs';

/**
 * Milliseconds since the machine booted, also those in which it slept: the clock that `kraud-fence` goes by. Rounded
 * down to 10 ms, so that no deadline made of it is late.
 */
export function bootMs(): number {
  const [seconds = ''] = readFileSync('/proc/uptime', 'utf8').split(' ');
  return Math.round(Number(seconds) * 1000);
}
