import type { ProcessInfo } from '@kraud/cloud';
import type { Column } from './columns.ts';

export function renderProcesses(
  columns: readonly Column[],
  processes: readonly ProcessInfo[],
  nowMs: number,
): { Titles: string[]; Processes: string[][] } {
  return {
    Titles: columns.map((column) => column.title),
    Processes: processes.map((process) => columns.map((column) => column.show(process, nowMs))),
  };
}
