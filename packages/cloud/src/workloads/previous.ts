import { previousKey, type Workload } from '@kraud/macro';

/** What was wanted before the last change: where a rollback leads. */
export type Wanted = Pick<Workload, 'spec' | 'given'> & Pick<Workload['meta'], 'labels' | 'annotations'>;

export function wantedOf({ spec, given, meta }: Workload): Wanted {
  const { [previousKey]: _, ...own } = given;
  return { spec, given: own, labels: meta.labels, annotations: meta.annotations };
}

/** `given` with what it replaces kept in it. */
export function withPrevious(given: Record<string, unknown>, present: Workload): Record<string, unknown> {
  return { ...given, [previousKey]: wantedOf(present) };
}

export function previousOf(workload: Workload): Wanted | undefined {
  return workload.given[previousKey] as Wanted | undefined;
}
