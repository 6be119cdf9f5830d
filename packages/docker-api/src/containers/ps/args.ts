import { KraudError } from '@kraud/base';
import { aliases, type Column, columns } from './columns.ts';

/** What rows are ordered by, the first key first. */
export interface SortKey {
  readonly column: Column;
  readonly isFalling: boolean;
}

export interface Asked {
  readonly columns: readonly Column[];
  readonly order: readonly SortKey[];
}

const pick = (...names: string[]): Column[] => names.flatMap((name) => columns[name] ?? []);

/** `-f`: its first column is titled UID and shows the user's name. */
const full = (): Column[] => [
  { title: 'UID', show: (process) => process.user || String(process.uid) },
  ...pick('pid', 'ppid', 'c', 'stime', 'tty', 'time', 'cmd'),
];

/**
 * What arguments for `ps` ask for. There is no `ps` behind this: what isn't known is refused by name.
 *
 * | args              | columns                                     |
 * | ----------------- | ------------------------------------------- |
 * | `-ef`, `ef`       | UID PID PPID C STIME TTY TIME CMD           |
 * | `aux`             | USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND |
 * | `-o pid,comm=NAME`| PID NAME                                    |
 *
 * `--sort=-rss,pid` orders the rows, by columns that need not be shown.
 */
export function askedOf(text: string): Asked {
  const words = text.split(/\s+/).filter((word) => word !== '');
  let chosen: Column[] | undefined;
  const own: Column[] = [];
  const order: SortKey[] = [];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const sort = /^--sort(?:=(.*))?$/.exec(word);
    if (sort) {
      order.push(...keysOf(sort[1] ?? words.shift() ?? ''));
      continue;
    }
    const format = /^-{0,2}(?:[eaAx]*o|format)(?:=?(.*))?$/.exec(word);
    if (word === 'o' || (format && word.startsWith('-'))) {
      const list = format?.[1] ? format[1] : (words.shift() ?? '');
      own.push(...formatOf(list));
      continue;
    }
    chosen = lettersOf(word) ?? chosen;
  }
  return { columns: own.length > 0 ? own : (chosen ?? pick('pid', 'tty', 'time', 'cmd')), order };
}

function keysOf(list: string): SortKey[] {
  return list.split(',').map((key) => ({
    column: columnOf(key.replace(/^[+-]/, '')),
    isFalling: key.startsWith('-'),
  }));
}

function lettersOf(word: string): Column[] | undefined {
  const unix = word.startsWith('-');
  const letters = unix ? word.slice(1) : word;
  if (letters === '' || !/^[eAafxluw]+$/.test(letters)) {
    throw new KraudError('unsupported', `ps_args '${word.slice(0, 100)}' is not supported`);
  }
  if (letters.includes('u'))
    return pick('user', 'pid', 'pcpu', 'pmem', 'vsz', 'rss', 'tty', 'stat', 'start', 'bsdtime', 'args');
  if (letters.includes('f')) return full();
  if (letters.includes('l')) return pick('s', 'uid', 'pid', 'ppid', 'c', 'vsz', 'tty', 'time', 'cmd');
  return unix ? undefined : pick('pid', 'tty', 'stat', 'bsdtime', 'args');
}

function formatOf(list: string): Column[] {
  if (list === '') throw new KraudError('invalid', 'ps_args: -o needs a list of columns');
  return list.split(',').map((item) => {
    const at = item.indexOf('=');
    const column = columnOf(at < 0 ? item : item.slice(0, at));
    return at < 0 ? column : { ...column, title: item.slice(at + 1) };
  });
}

function columnOf(text: string): Column {
  const name = text.toLowerCase();
  const column = columns[aliases[name] ?? name];
  if (!column) throw new KraudError('unsupported', `ps_args column '${name.slice(0, 100)}' is not supported`);
  return column;
}
