import { readFileSync, statSync } from 'node:fs';
import { isErrno } from '@kraud/base';

/** What a file takes on disk; 0 if it isn't there. */
export function diskBytes(path: string): number {
  return orZero(() => statSync(path).blocks * 512);
}

/** The number that a small file holds; 0 if it isn't there. */
export function readNumber(path: string): number {
  return orZero(() => Number(readFileSync(path, 'utf8')) || 0);
}

function orZero(read: () => number): number {
  try {
    return read();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 0;
    throw error;
  }
}
