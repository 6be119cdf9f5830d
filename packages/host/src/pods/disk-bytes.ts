import { readFileSync, statSync } from 'node:fs';
import { isErrno } from '@kraud/base';
import type { PodFiles } from './pod-files.ts';

/** What a file takes on disk; 0 if it isn't there. */
export function diskBytes(path: string): number {
  return orZero(() => statSync(path).blocks * 512);
}

/** The number that a small file holds; 0 if it isn't there. */
function readNumber(path: string): number {
  return orZero(() => Number(readFileSync(path, 'utf8')) || 0);
}

/** Bytes that a pod's writable layer takes on the host's disk, beyond what its empty file system did. */
export function layerBytes({ writable, emptyBytes }: PodFiles): number {
  return Math.max(0, diskBytes(writable) - readNumber(emptyBytes));
}

function orZero(read: () => number): number {
  try {
    return read();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 0;
    throw error;
  }
}
