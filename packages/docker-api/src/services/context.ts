import { compactId, KraudError } from '@kraud/base';
import type { Cloud, Swarm } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { refOf } from '../containers/draft/network.ts';
import { swarmId } from '../swarm/ids.ts';
import { endedKeptOf } from '../swarm/spec.ts';
import type { DraftContext } from './draft/draft.ts';

/** What a service's body may name: nodes and networks, as they are now. */
export async function contextOf(
  { hosts, networks, secrets, configs }: Pick<Cloud, 'hosts' | 'networks' | 'secrets' | 'configs'>,
  call: Call,
  swarm: Swarm,
): Promise<DraftContext> {
  const { caller } = call;
  const [nodes, known] = [await hosts.list(caller), await networks.list(caller)];
  const files = { Secret: await secrets.list(caller), Config: await configs.list(caller) };
  return {
    sockets: call.serving.sockets,
    hostOfNode: (id) => nodes.find((host) => swarmId(host) === id)?.meta.name,
    network: (ref) => {
      if (ref === 'host') {
        throw new KraudError(
          'unsupported',
          'network host is not supported: a pod shares no network namespace with the host',
        );
      }
      const wanted = refOf(ref);
      const network =
        known.find(({ meta }) => meta.name === wanted || meta.uid === wanted) ??
        known.find(({ meta }) => meta.uid.startsWith(wanted));
      if (!network) throw new KraudError('not-found', `network ${ref} not found`);
      if (network.spec.driver === 'ingress') {
        throw new KraudError(
          'invalid',
          `Service cannot be explicitly attached to the ingress network "${ref}"`,
        );
      }
      return { name: network.meta.name, id: network.meta.uid };
    },
    hasFile: (source, id, name) =>
      files[source].some(({ meta }) => meta.name === name && compactId(meta.uid) === id),
    endedKept: endedKeptOf(swarm),
  };
}
