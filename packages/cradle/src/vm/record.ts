import { renameSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '@kraud/base';
import type { Accelerator, SizeClass, VmSpec } from '../contract.ts';
import type { ProcessMark } from '../process.ts';

/**
 * What the disk knows of a VM, enough for a later daemon to take it over or to clean up after it. Written before
 * the first thing is made (`making`, no process yet), and again at each step. Only `claimed` is ever taken over.
 */
export interface VmRecord {
  readonly version: 1;
  readonly name: string;
  /** Of the host, when its process was started: after a reboot a pid says nothing. */
  readonly bootId: string;
  readonly uid: number;
  readonly state: 'making' | 'warm' | 'mould' | 'blank' | 'claiming' | 'claimed';
  readonly size: SizeClass;
  readonly accelerator: Accelerator;
  readonly warm: boolean;
  readonly mark?: ProcessMark;
  readonly spec?: VmSpec;
  /** It is falling asleep in this directory, or was woken from there: it stands still, or may. */
  readonly sleeper?: string;
}

/** Synchronous: it takes microseconds, and claims wait for it. */
export function writeRecord(dir: string, record: VmRecord): void {
  const temporary = join(dir, 'record.new');
  writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
  renameSync(temporary, join(dir, 'record.json'));
}

/** Undefined when there is none, or it can't be read: the VM is one to clean up after. */
export async function readRecord(dir: string): Promise<VmRecord | undefined> {
  try {
    const record: unknown = JSON.parse(await readFile(join(dir, 'record.json'), 'utf8'));
    return isRecord(record) ? record : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The names of all VMs that have a directory. */
export async function vmNames(vmsDir: string): Promise<string[]> {
  try {
    return await readdir(vmsDir);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function isRecord(value: unknown): value is VmRecord {
  return (
    typeof value === 'object' &&
    value !== null &&
    'version' in value &&
    value.version === 1 &&
    'name' in value &&
    'uid' in value &&
    typeof value.uid === 'number' &&
    'state' in value
  );
}
