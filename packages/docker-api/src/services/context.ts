import { KraudError } from '@kraud/base';
import type { Cloud, Swarm } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { refOf } from '../containers/draft/network.ts';
import { swarmId } from '../swarm/ids.ts';
import { endedKeptOf } from '../swarm/spec.ts';
import type { DraftContext } from './draft/draft.ts';

/** What a service's body may name: nodes and networks, as they are now. */
export async function contextOf(
  { hosts, networks }: Pick<Cloud, 'hosts' | 'networks'>,
  call: Call,
  swarm: Swarm,
): Promise<DraftContext> {
  const [nodes, known] = [await hosts.list(call.caller), await networks.list(call.caller)];
  return {
    sockets: call.serving.sockets,
    hostOfNode: (id) => nodes.find((host) => swarmId(host) === id)?.meta.name,
    networkName: (ref) => {
      const wanted = refOf(ref);
      const network =
        known.find(({ meta }) => meta.name === wanted || meta.uid === wanted) ??
        known.find(({ meta }) => meta.uid.startsWith(wanted));
      if (!network) throw new KraudError('not-found', `network ${ref} not found`);
      return network.meta.name;
    },
    endedKept: endedKeptOf(swarm),
  };
}
