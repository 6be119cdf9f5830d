import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isErrno } from '@kraud/base';
import type { VmSpec } from '@kraud/cradle';
import type { PodStatus } from '@kraud/macro';
import type { Attachment } from '@kraud/network';
import type { ContainerEnd } from './status.ts';

/**
 * What a pod's VM is for, kept beside the pod so that the next daemon can go on with it. Written before the VM is
 * claimed and removed after it is gone. It need not survive a power cut, as the VM doesn't either, unless that is asleep.
 */
export interface RunRecord {
  readonly use: 'run' | 'toolbox';
  readonly serial: number;
  readonly attachment?: Attachment;
  /** What the status says of it. */
  readonly network?: PodStatus['network'];
  /**
   * How it ended: noted before the VM goes, so that a daemon that dies before the status is written hasn't taken the
   * exit with it. Times as decimal strings.
   */
  readonly ends?: readonly (readonly [container: string, end: NotedEnd])[];
  /** The VM is a file, and is one for as long as this is here. */
  readonly asleep?: AsleepNote;
  /** Volumes that the VM has. */
  readonly volumes: readonly { readonly name: string; readonly readOnly: boolean }[];
  /** Sockets that the guest listens on, and where their connections go. */
  readonly sockets: readonly { readonly id: string; readonly source: string }[];
}

export interface AsleepNote {
  readonly since: string;
  readonly why: string;
  /** What the VM had. */
  readonly spec: VmSpec;
  /** It is being woken: the host's boot. Of an earlier boot it isn't known whether it ran on, and then its file no longer goes with its disks. */
  readonly waking?: string;
}

export type NotedEnd = Omit<ContainerEnd, 'finishedAtNs'> & { readonly finishedAtNs: string };

export function noteEnds(path: string, record: RunRecord, ends: ReadonlyMap<string, ContainerEnd>): void {
  const noted = [...ends].map(
    ([name, end]) => [name, { ...end, finishedAtNs: String(end.finishedAtNs) }] as const,
  );
  writeRecord(path, { ...record, ends: noted });
}

/** How each container ended, by what was noted; nothing of a run that goes on. */
export function notedEnds({ ends = [] }: RunRecord): Map<string, ContainerEnd> {
  return new Map(ends.map(([name, end]) => [name, { ...end, finishedAtNs: BigInt(end.finishedAtNs) }]));
}

export function writeRecord(path: string, record: RunRecord, { flush } = { flush: false }): void {
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600, flush });
  renameSync(`${path}.new`, path);
}

/** Of a run that is to survive a power cut. */
export function writeRecordDurably(path: string, record: RunRecord): void {
  writeRecord(path, record, { flush: true });
  const dir = openSync(dirname(path), 'r');
  try {
    fsyncSync(dir);
  } finally {
    closeSync(dir);
  }
}

/** Undefined when there is none, or none that can be read. */
export function readRecord(path: string): RunRecord | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isRecord(value) ? value : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function removeRecord(path: string): void {
  rmSync(path, { force: true });
}

function isRecord(value: unknown): value is RunRecord {
  return (
    typeof value === 'object' &&
    value !== null &&
    'use' in value &&
    (value.use === 'run' || value.use === 'toolbox') &&
    'serial' in value &&
    typeof value.serial === 'number' &&
    'volumes' in value &&
    Array.isArray(value.volumes) &&
    'sockets' in value &&
    Array.isArray(value.sockets)
  );
}
