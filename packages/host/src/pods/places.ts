import { codeOf, KraudError } from '@kraud/base';
import type { Pod, PodNetwork, PodStatus } from '@kraud/macro';
import type { Place, PlaceRequest, Reservation } from '@kraud/network';
import type { FixedPlace, HostParts } from '../parts.ts';
import { linkNames, shortUid } from './links.ts';
import type { Run } from './run.ts';
import { writeRecord } from './run-record.ts';

/** Places on all of a pod's networks, which are made real here if they aren't yet. */
export async function reservePlaces(parts: HostParts, pod: Pod): Promise<Reservation> {
  const { dns, extraHosts, hostname, domainname, mac } = pod.spec;
  const { tenant, uid: podId, name: podName } = pod.meta;
  return await withRoom(parts, pod, (networks) =>
    parts.network.reserve({
      ...{ tenant, podId, podName, hostname, domainname, networks, mac, dns, extraHosts },
      ports: portsHere(pod),
    }),
  );
}

/** Gives back all that a pod has on networks: ports, addresses, and those that it asked for by number. Safe to repeat. */
export async function leavePlaces({ network, networks }: HostParts, podId: string): Promise<void> {
  await network.detach(podId);
  await networks.release(podId);
}

/** Those of the ingress are led to pods by whoever serves it. */
const portsHere = (pod: Pod) => pod.spec.ports.filter(({ mode }) => mode !== 'ingress');

/** The places that a running pod's spec says, instead of those that it has. */
export async function rejoinPlaces(parts: HostParts, pod: Pod): Promise<Reservation> {
  const { uid } = pod.meta;
  const before = parts.network.attachments().find(({ podId }) => podId === uid)?.places ?? [];
  try {
    return await withRoom(parts, pod, (networks) => parts.network.rejoin(uid, networks, portsHere(pod)));
  } catch (error) {
    await keepPlaces(parts, uid, before);
    throw error;
  }
}

/** Of the addresses that it asked for by number, a pod has those still that are among these. */
export function keepPlaces(parts: HostParts, podId: string, places: readonly Place[]): Promise<void> {
  return parts.networks.release(
    podId,
    places.map(({ network, ipv4 }) => ({ network, address: ipv4 })),
  );
}

const fixedPlaces = ({ spec }: Pod): FixedPlace[] =>
  spec.networks.flatMap(({ name, ipv4 }) => (ipv4 === undefined ? [] : [{ network: name, address: ipv4 }]));

/** Tells a run's networks what its pod is called now. */
export async function renameRun(parts: HostParts, pod: Pod, run: Run, recordPath: string): Promise<void> {
  const { uid, name } = pod.meta;
  const { attachment: before } = run.record;
  if (!before) return;
  const places = pod.spec.networks.map((network) => placeOf(parts, pod, network));
  const attachment = parts.network.rename(uid, name, places) ?? { ...before, podName: name };
  run.record = { ...run.record, attachment };
  writeRecord(recordPath, run.record);
}

/** Makes the networks real, and gives them more addresses when this host's are used up. */
async function withRoom(
  parts: HostParts,
  pod: Pod,
  take: (networks: PlaceRequest[]) => Promise<Reservation>,
): Promise<Reservation> {
  const { tenant } = pod.meta;
  const { networks } = pod.spec;
  for (;;) {
    for (const { name } of networks) {
      const spec = await parts.networks.spec(tenant, name);
      if (!spec) throw new KraudError('not-found', `network ${name} not found`);
      await parts.network.ensureNetwork(spec);
    }
    await parts.networks.hold(tenant, pod.meta.uid, fixedPlaces(pod));
    try {
      return await take(networks.map((network) => placeOf(parts, pod, network)));
    } catch (error) {
      if (codeOf(error) !== 'exhausted') throw error;
      const grown = await Promise.all(networks.map(({ name }) => parts.networks.grow(tenant, name)));
      if (!grown.includes(true)) throw error;
    }
  }
}

/** What the others on one of its networks may call a pod. */
export function namesOn({ meta, spec }: Pod, { aliases }: PodNetwork): string[] {
  return [...new Set([meta.name, ...aliases, shortUid(meta.uid), spec.hostname])];
}

function placeOf(parts: HostParts, pod: Pod, on: PodNetwork): PlaceRequest {
  const links = linkNames(parts, on);
  return { network: on.name, ipv4: on.ipv4, names: namesOn(pod, on), ...(links.length > 0 ? { links } : {}) };
}

/** The addresses of a pod as its status shows them. */
export function networkStatus(reservation: Reservation): PodStatus['network'] {
  const { attachment, addresses } = reservation;
  const [first] = addresses;
  return {
    ipv4: first?.ipv4 ?? '',
    prefix: first?.prefix ?? 0,
    gateway: first?.gateway ?? '',
    mac: attachment.mac,
    ports: attachment.ports.map((port) => ({ ...port })),
    addresses: addresses.map((address) => ({ ...address })),
  };
}
