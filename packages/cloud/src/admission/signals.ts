import { constants } from 'node:os';
import { KraudError } from '@kraud/base';

const numbers = constants.signals as Record<string, number>;

/**
 * The number of a signal as clients write it.
 *
 * | text        | number |
 * | ----------- | ------ |
 * | `SIGTERM`   | 15     |
 * | `term`      | 15     |
 * | `9`         | 9      |
 * | `RTMIN+3`   | 37     |
 * | `RTMAX-1`   | 63     |
 */
export function parseSignal(text: string): number {
  const invalid = (): KraudError => new KraudError('invalid', `invalid signal: ${text}`);
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number < 1 || number > 64) throw invalid();
    return number;
  }
  const name = text.toUpperCase().replace(/^SIG/, '');
  const realtime = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (realtime) {
    const offset = Number(realtime[3] ?? 0) * (realtime[2] === '-' ? -1 : 1);
    const number = (realtime[1] === 'MIN' ? 34 : 64) + offset;
    if (number < 34 || number > 64) throw invalid();
    return number;
  }
  const number = numbers[`SIG${name}`];
  if (number === undefined) throw invalid();
  return number;
}
