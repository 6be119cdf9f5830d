import type { Cloud, Workload } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { pick } from '../swarm/ids.ts';

export async function findService(
  { workloads }: Pick<Cloud, 'workloads'>,
  call: Call,
  ref: string,
): Promise<Workload> {
  return pick(await workloads.list(call.caller), ref, 'service');
}
