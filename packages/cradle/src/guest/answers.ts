import {
  count,
  decimal,
  flag,
  list,
  numbers,
  oneOf,
  orNull,
  type Reader,
  shape,
  text,
  whole,
} from './shape.ts';
import type {
  ContainerStats,
  ContainerStatus,
  ExecStatus,
  ExitReport,
  FileChange,
  GuestInfo,
  GuestProcess,
  PathStat,
} from './types.ts';

// What comes out of a VM is what whoever owns the VM wants it to be: nothing of it is used before it was held against
// its shape, so that the worst that a guest can do with an answer is to lose its pod.

const pidMax = 2 ** 31 - 1;
const pid = whole(0, pidMax);
const name = text(255);
const time = decimal('from 0');
const path = text(64 * 1024);

export const exitReport: Reader<ExitReport> = shape({
  code: whole(0, 255),
  signal: whole(0, 64),
  oomKilled: flag,
  error: text(16 * 1024),
});

export const started = shape({ pid, startedAtNs: time });
export const execStarted = shape({ pid });

/** Of an exec that goes on: a header of its answer. */
export function pidOf(header: string | string[] | undefined): number {
  return pid(Number(header), 'x-kraud-pid');
}

export const containerStatus: Reader<ContainerStatus> = shape({
  name,
  state: oneOf('created', 'running', 'paused', 'exited'),
  pid,
  startedAtNs: time,
  finishedAtNs: time,
  exit: orNull(exitReport),
  logOffset: time,
});

export const info: Reader<GuestInfo> = shape(
  { agent: whole(0), kernel: text(255), containers: list(1000, containerStatus) },
  {
    pod: shape({ hostname: text(255), machineId: text(64) }),
    shares: list(1000, shape({ at: text(4096), state: oneOf('waiting', 'linked', 'held') })),
  },
);

export const execStatus: Reader<ExecStatus> = shape({
  state: oneOf('running', 'exited'),
  pid,
  exit: orNull(exitReport),
});

const blkio = shape({ readBytes: count, writeBytes: count, readOps: count, writeOps: count });
const traffic = shape({
  name,
  rxBytes: count,
  rxPackets: count,
  rxErrors: count,
  rxDropped: count,
  txBytes: count,
  txPackets: count,
  txErrors: count,
  txDropped: count,
});

export const stats: Reader<ContainerStats> = shape({
  cpuNs: count,
  cpuUserNs: count,
  cpuSystemNs: count,
  memoryBytes: count,
  memoryMaxBytes: count,
  memoryStats: numbers(200),
  pids: count,
  pidsMax: count,
  blkio,
  net: list(64, traffic),
  onlineCpus: whole(0, 4096),
  systemCpuNs: count,
});

const process: Reader<GuestProcess> = shape(
  {
    pid,
    ppid: pid,
    uid: whole(0, 2 ** 32 - 1),
    state: text(16),
    startNs: time,
    cpuNs: count,
    tty: text(64),
    vszBytes: count,
    rssBytes: count,
    args: text(4 * 1024 * 1024),
  },
  { user: text(255) },
);

export const processes = shape({ processes: list(100_000, process) });

const change: Reader<FileChange> = shape({ path, kind: oneOf(0, 1, 2) });
export const changes = shape({ changes: list(1_000_000, change) });

/** Times of files are what their owners set them to. */
export const pathStat: Reader<PathStat> = shape({
  name: path,
  size: whole(0),
  mode: whole(0, 2 ** 32 - 1),
  mtimeNs: decimal('signed'),
  linkTarget: path,
});

export const socket = shape({ id: text(255) });
export const nothing: Reader<undefined> = () => undefined;
