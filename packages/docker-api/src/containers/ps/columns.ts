import type { ProcessInfo } from '@kraud/cloud';

/** What figures of a process are measured against. */
export interface Around {
  readonly nowMs: number;
  /** Of the VM. */
  readonly memoryBytes: number;
}

/** What a column shows of a process. */
export interface Column {
  readonly title: string;
  readonly show: (process: ProcessInfo, around: Around) => string;
}

const elapsedMs = (process: ProcessInfo, { nowMs }: Around): number =>
  Math.max(0, nowMs - Number(process.startNs / 1_000_000n));

/** Share of one CPU over the process's life, as `ps` has it. */
const cpuShare = (process: ProcessInfo, around: Around): number =>
  (process.cpuNs / 1e6 / Math.max(1, elapsedMs(process, around))) * 100;

const two = (n: number): string => String(n).padStart(2, '0');

function clockTime(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const rest = `${two(Math.floor((seconds % 86_400) / 3600))}:${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
  return days > 0 ? `${days}-${rest}` : rest;
}

function started(process: ProcessInfo, { nowMs }: Around): string {
  const date = new Date(Number(process.startNs / 1_000_000n));
  if (nowMs - date.getTime() < 86_400_000) return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
  return date.toUTCString().slice(5, 11).split(' ').reverse().join('');
}

const seconds = (process: ProcessInfo): number => Math.floor(process.cpuNs / 1e9);
const first = (args: string): string => (args.split(' ', 1)[0] ?? '').split('/').at(-1) ?? '';
const kib = (bytes: number): string => String(Math.round(bytes / 1024));

const show = (title: string, value: Column['show']): Column => ({ title, show: value });

/** Columns by the names that `ps -o` takes. */
export const columns: Readonly<Record<string, Column>> = {
  pid: show('PID', (p) => String(p.pid)),
  ppid: show('PPID', (p) => String(p.ppid)),
  uid: show('UID', (p) => String(p.uid)),
  user: show('USER', (p) => p.user || String(p.uid)),
  comm: show('COMMAND', (p) => first(p.args)),
  args: show('COMMAND', (p) => p.args),
  cmd: show('CMD', (p) => p.args),
  c: show('C', (p, around) => String(Math.min(99, Math.floor(cpuShare(p, around))))),
  pcpu: show('%CPU', (p, around) => cpuShare(p, around).toFixed(1)),
  pmem: show('%MEM', (p, { memoryBytes }) => ((p.rssBytes / memoryBytes) * 100).toFixed(1)),
  vsz: show('VSZ', (p) => kib(p.vszBytes)),
  rss: show('RSS', (p) => kib(p.rssBytes)),
  tty: show('TTY', (p) => p.tty || '?'),
  stat: show('STAT', (p) => p.state),
  s: show('S', (p) => p.state.slice(0, 1)),
  stime: show('STIME', started),
  start: show('START', started),
  etime: show('ELAPSED', (p, around) => clockTime(Math.floor(elapsedMs(p, around) / 1000))),
  etimes: show('ELAPSED', (p, around) => String(Math.floor(elapsedMs(p, around) / 1000))),
  time: show('TIME', (p) => clockTime(seconds(p))),
  bsdtime: show('TIME', (p) => `${Math.floor(seconds(p) / 60)}:${two(seconds(p) % 60)}`),
};

export const aliases: Readonly<Record<string, string>> = {
  command: 'args',
  ucmd: 'comm',
  euser: 'user',
  ruser: 'user',
  uname: 'user',
  euid: 'uid',
  '%cpu': 'pcpu',
  '%mem': 'pmem',
  tt: 'tty',
  tname: 'tty',
  state: 's',
  vsize: 'vsz',
  rssize: 'rss',
  start_time: 'stime',
  lstart: 'start',
  cputime: 'time',
};
