import type { Cloud, Host } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { pick } from '../swarm/ids.ts';

/** The node that a reference stands for; `self` is the one that answers. */
export async function findNode({ hosts }: Pick<Cloud, 'hosts'>, call: Call, ref: string): Promise<Host> {
  if (ref === 'self') return await hosts.self(call.caller);
  return pick(await hosts.list(call.caller), ref, 'node');
}
