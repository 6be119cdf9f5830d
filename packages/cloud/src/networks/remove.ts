import { KraudError } from '@kraud/base';
import type { Network } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { findNetwork } from './find.ts';
import { isPredefined } from './names.ts';
import { membersOf, workloadsOn } from './users.ts';

/** Hosts take it down once it is gone from the store. */
export async function removeNetwork(parts: CloudParts, caller: Caller, ref: string): Promise<Network> {
  const network = findNetwork(parts, caller, ref);
  const { name, uid } = network.meta;
  if (isPredefined(network)) {
    throw new KraudError('forbidden', `${name} is a pre-defined network and cannot be removed`);
  }
  const members = membersOf(parts, network);
  if (members.length > 0) {
    const endpoints = members.map(({ meta }) => `name:"${meta.name}" id:"${meta.uid.slice(0, 12)}"`);
    throw new KraudError(
      'forbidden',
      `error while removing network: network ${name} has active endpoints (${endpoints.join(', ')})`,
    );
  }
  const [workload] = workloadsOn(parts, network);
  if (workload) {
    throw new KraudError('conflict', `network ${uid} is in use by service ${workload.meta.name}`);
  }
  await parts.networks.delete(network.meta);
  return network;
}
