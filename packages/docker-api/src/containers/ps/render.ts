import type { ProcessInfo } from '@kraud/cloud';
import type { Around, Column } from './columns.ts';

export function renderProcesses(
  columns: readonly Column[],
  processes: readonly ProcessInfo[],
  around: Around,
): { Titles: string[]; Processes: string[][] } {
  return {
    Titles: columns.map((column) => column.title),
    Processes: processes.map((process) => columns.map((column) => column.show(process, around))),
  };
}
