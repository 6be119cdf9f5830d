import { type Pod, workloadLabels } from '../model/index.ts';
import type { Observed } from '../scheduler/index.ts';

/** A pod whose place in its workload another one took, and why. */
export interface Predecessor {
  readonly sentence: string;
  /** It had to leave its host. */
  readonly moved: boolean;
}

/**
 * What came before a workload's pod in its slot; undefined for the first one, and when its predecessor is not remembered. A
 * workload's pods don't move: they are replaced.
 */
export function predecessorOf({ meta }: Pod, { pods, hosts }: Observed): Predecessor | undefined {
  const {
    [workloadLabels.owner]: owner,
    [workloadLabels.slot]: slot,
    [workloadLabels.hash]: hash,
  } = meta.labels;
  if (owner === undefined || slot === undefined) return undefined;
  const attempt = Number(meta.labels[workloadLabels.attempt] ?? 1) - 1;
  const before = pods.find(
    ({ meta: { labels } }) =>
      labels[workloadLabels.owner] === owner &&
      labels[workloadLabels.slot] === slot &&
      labels[workloadLabels.attempt] === String(attempt),
  );
  if (!before) return undefined;
  const said = (why: string, moved = false): Predecessor => ({
    sentence: `it took the place of ${before.meta.name}, ${why}`,
    moved,
  });
  const [main] = before.status.containers;
  const { wanted, stoppedByUser } = before.spec.run;
  const place = hosts.find((host) => host.meta.name === before.spec.host);
  if (main?.health?.status === 'unhealthy') return said('which was unhealthy');
  if (before.meta.labels[workloadLabels.hash] !== hash) return said('which an update replaced');
  if (wanted === 'stopped' && !stoppedByUser) {
    if (place?.spec.drained) return said(`which had to leave ${place.meta.name}: it is drained`, true);
    return said('which was asked to end', before.spec.host !== undefined && place === undefined);
  }
  if (stoppedByUser) return said('which a user stopped');
  if (main?.oomKilled) return said('which ran out of memory');
  if (main?.startedAt === undefined)
    return said(`which could not start: ${main?.error || before.status.message}`);
  return said(`which ended with exit code ${main.exitCode}`);
}
