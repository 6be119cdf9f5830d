import { KraudError } from '@kraud/base';
import type { PodNetwork, PodSpec } from '@kraud/macro';
import type { Caller, PlaceDraft } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { findPod, isUp, mainContainer } from '../pods/find.ts';
import { findNetwork } from './find.ts';
import { nameForUsers } from './names.ts';
import { networkOf } from './of-pod.ts';

/** Puts a pod on one more network; a running one at once, and it stays as it was if that fails. */
export async function connectPod(
  parts: CloudParts,
  caller: Caller,
  ref: string,
  podRef: string,
  options: Omit<PlaceDraft, 'ref'>,
): Promise<void> {
  const added = networkOf(parts, caller, { ref, ...options });
  const pod = findPod(parts, caller, podRef);
  const { meta } = pod;
  await change(parts, caller, podRef, ({ networks }) => {
    if (networks.some(({ name }) => name === added.name)) {
      throw new KraudError(
        'forbidden',
        `endpoint with name ${meta.name} already exists in network ${nameForUsers(added.name)}`,
      );
    }
    if (isUp(pod) && pod.status.network === undefined) {
      throw new KraudError(
        'invalid',
        'container cannot be connected to multiple networks with one of the networks in private (none) mode',
      );
    }
    return [...networks, added];
  });
}

export async function disconnectPod(
  parts: CloudParts,
  caller: Caller,
  ref: string,
  podRef: string,
): Promise<void> {
  const { name } = findNetwork(parts, caller, ref).meta;
  const { uid } = findPod(parts, caller, podRef).meta;
  await change(parts, caller, podRef, ({ networks }) => {
    const rest = networks.filter((network) => network.name !== name);
    if (rest.length === networks.length) {
      throw new KraudError('forbidden', `container ${uid} is not connected to network ${nameForUsers(name)}`);
    }
    return rest;
  });
}

async function change(
  parts: CloudParts,
  caller: Caller,
  podRef: string,
  to: (spec: PodSpec) => PodNetwork[],
): Promise<void> {
  const pod = findPod(parts, caller, podRef);
  const write = (networks: (spec: PodSpec) => PodNetwork[]): Promise<unknown> =>
    parts.pods.mutate(pod.meta, (present) => {
      if (present.meta.uid !== pod.meta.uid) {
        throw new KraudError('not-found', `No such container: ${podRef}`);
      }
      return { ...present, spec: { ...present.spec, networks: networks(present.spec) } };
    });
  const before = pod.spec.networks;
  await write(to);
  if (!isUp(pod)) return;
  try {
    const { networks } = findPod(parts, caller, pod.meta.uid).spec;
    await parts.hostOf(pod.spec.host).rejoin(pod.meta.uid, mainContainer(pod).name, networks);
  } catch (error) {
    await write(() => before);
    throw error;
  }
}
