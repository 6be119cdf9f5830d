import type { ServerResponse } from 'node:http';

const namesMax = 10;

/** Names in the reply's `Warning` headers what the request asked for and no table knows: nothing is ignored silently. */
export function warnOfUnknown(
  res: ServerResponse,
  what: 'field' | 'query parameter',
  names: readonly string[],
): void {
  for (const name of names.slice(0, namesMax)) {
    res.appendHeader('Warning', `299 kraud "unknown ${what} ${name.replace(/[^\w.[\]-]/g, '_')} ignored"`);
  }
}
