import { codeOf, KraudError, newId } from '@kraud/base';
import { defaultNamespace, type Network } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import type { NetworkDraft } from './contract.ts';
import { checkNetworkName } from './names.ts';
import { freeSubnets } from './pool.ts';
import { checkAddresses, firstOf, overlap } from './subnets.ts';

const attemptsMax = 20;
/** Subnets of a pool that routes of the host overlap. */
const poolTriesMax = 256;

const overlaps = (cause?: unknown): KraudError =>
  new KraudError('forbidden', 'Pool overlaps with other one on this address space', { cause });

/**
 * Makes a network. Its subnet is chosen once, for all hosts; nothing of it is on a host until a pod needs it. Two that
 * were made at the same time on two hosts and overlap: the later one goes, and is made again.
 */
export async function createNetwork(
  parts: Pick<CloudParts, 'networks' | 'chooseSubnet' | 'clock' | 'random'>,
  caller: Caller,
  draft: NetworkDraft,
): Promise<Network> {
  checkNetworkName(draft.name);
  checkAddresses(draft);
  const key = { tenant: caller.tenant, namespace: defaultNamespace, name: draft.name };
  for (let attempt = 1; ; attempt += 1) {
    if (parts.networks.get(key)) {
      throw new KraudError('exists', `network with name ${draft.name} already exists`);
    }
    const subnet = await chooseSubnet(parts, draft).catch((error: unknown) => {
      throw codeOf(error) === 'conflict' ? overlaps(error) : error;
    });
    const { options, internal, range, reserved } = draft;
    const network = await parts.networks.create({
      kind: 'Network',
      meta: {
        uid: newId(parts.random),
        ...key,
        labels: draft.labels,
        annotations: {},
        generation: 1,
        finalizers: [],
        createdAt: new Date(parts.clock.now()).toISOString(),
      },
      spec: {
        ...{ driver: 'vpc', subnet, gateway: draft.gateway ?? firstOf(subnet), internal, options },
        ...(range === undefined ? {} : { range }),
        ...(reserved === undefined ? {} : { reserved }),
      },
      status: {},
      given: draft.given,
    });
    const earlier = parts.networks
      .everywhere()
      .some(
        ({ meta, spec }) =>
          (meta.revision ?? 0) < (network.meta.revision ?? 0) &&
          meta.uid !== network.meta.uid &&
          spec.subnet !== undefined &&
          overlap(spec.subnet, subnet),
      );
    if (!earlier) return network;
    await parts.networks.delete(key);
    if (draft.subnet !== undefined || attempt >= attemptsMax) {
      throw overlaps();
    }
  }
}

async function chooseSubnet(
  { chooseSubnet: choose, networks }: Pick<CloudParts, 'networks' | 'chooseSubnet'>,
  { subnet, pool }: NetworkDraft,
): Promise<string> {
  const taken = subnetsOf(networks.everywhere());
  if (subnet !== undefined || !pool) return await choose(subnet, taken);
  let tried = 0;
  for (const free of freeSubnets(pool, taken)) {
    try {
      return await choose(free, taken);
    } catch (error) {
      // A route of the host is in the way.
      if (codeOf(error) !== 'conflict') throw error;
      tried += 1;
      if (tried >= poolTriesMax) break;
    }
  }
  throw new KraudError('exhausted', 'the default address pool of the swarm has no subnet that is free');
}

const subnetsOf = (networks: readonly Network[]): string[] =>
  networks.flatMap(({ spec }) => spec.subnet ?? []);
