import type { Pod } from '@kraud/macro';
import type { HostParts } from '../parts.ts';
import type { Run } from '../pods/run.ts';

/** Why a run can't be a file for a while, in words that follow "it can't sleep:"; undefined if it can. */
export function whyAwake(
  { volumes }: Pick<HostParts, 'volumes'>,
  { meta: { tenant } }: Pod,
  run: Run,
  users: number,
): string | undefined {
  if (run.stop !== 'none' || run.observed.ended) return 'it is being stopped';
  if (run.paused) return 'it is paused';
  if (run.vm.spec.hostPaths.length > 0) return 'it has paths of the host';
  if (run.record.sockets.length > 0) return 'it has a socket of the host';
  const shared = run.record.volumes.find(({ name }) => volumes.holders({ tenant, name }).length > 1);
  if (shared) return `it shares volume ${shared.name} with a pod that is awake`;
  return users > 0 ? `somebody uses it: ${users} open` : undefined;
}
