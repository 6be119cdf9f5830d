import { KraudError } from '@kraud/base';
import type { Cloud, Swarm } from '@kraud/cloud';
import type { Call } from '../call.ts';

export const notAManager =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

export const alreadyMember =
  'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.';

/** The caller's swarm; before `swarm init` there is none, as with dockerd. */
export async function swarmOf({ swarms }: Pick<Cloud, 'swarms'>, call: Call): Promise<Swarm> {
  const swarm = await swarms.get(call.caller);
  if (!swarm) throw new KraudError('unavailable', notAManager);
  return swarm;
}
