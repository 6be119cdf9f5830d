import type { ProcessInfo } from '@kraud/cloud';
import type { Asked, SortKey } from './args.ts';
import type { Around } from './columns.ts';

export function renderProcesses(
  { columns, order }: Asked,
  processes: readonly ProcessInfo[],
  around: Around,
): { Titles: string[]; Processes: string[][] } {
  const sorted = processes.toSorted((a, b) => compare(order, a, b, around));
  return {
    Titles: columns.map((column) => column.title),
    Processes: sorted.map((process) => columns.map((column) => column.show(process, around))),
  };
}

/** By what the columns show: as numbers where both are. */
function compare(order: readonly SortKey[], a: ProcessInfo, b: ProcessInfo, around: Around): number {
  for (const { column, isFalling } of order) {
    const [left, right] = [column.show(a, around), column.show(b, around)];
    const difference = Number(left) - Number(right);
    const found = Number.isNaN(difference) ? (left < right ? -1 : left > right ? 1 : 0) : difference;
    if (found !== 0) return isFalling ? -found : found;
  }
  return 0;
}
