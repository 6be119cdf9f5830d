import type { Network, Pod, Workload } from '../model/index.ts';
import { endsOf, textOf } from './ipv4.ts';
import { slicesOf, virtualSlicesOf } from './slices.ts';

/** In a network of fewer slices, hosts need all of them. */
const slicesToSpare = 8;

/** Pods on it have names, and workloads may have addresses. */
export const hasNames = ({ meta, spec }: Pick<Network, 'meta' | 'spec'>): boolean =>
  spec.driver === 'vpc' && meta.name !== 'default';

/** What pods have, or ask for, on the network of this name. */
export function addressesOn(pods: readonly Pod[], network: string): Set<string> {
  const addresses = new Set<string>();
  for (const { spec, status } of pods) {
    for (const { name, ipv4 } of spec.networks)
      if (name === network && ipv4 !== undefined) addresses.add(ipv4);
    for (const place of status.network?.addresses ?? []) {
      if (place.network === network) addresses.add(place.ipv4);
    }
  }
  return addresses;
}

/** The address that stands for a workload's ready pods on this network. */
export function virtualAddress({ status }: Network, { meta }: Pick<Workload, 'meta'>): string | undefined {
  return status.virtual?.addresses[meta.uid];
}

/**
 * The network with a virtual address for each of the workloads in `wanted`, by uid, and for no other; who has one keeps it.
 * `left` are those for whom there was none.
 *
 * They come from slices of their own, taken from the end of the network, so that they meet neither the addresses that hosts
 * give nor those that users like to choose. Where no slice is left, or the network is too small to spare one, the highest
 * free one is taken: hosts give theirs from the lowest on, and know which are taken once they start their next pod.
 *
 * `taken` are addresses that pods have, or ask for.
 */
export function withVirtual(
  network: Network,
  wanted: readonly string[],
  taken: ReadonlySet<string>,
): { network: Network; left: readonly string[] } {
  const present = network.status.virtual?.addresses ?? {};
  const addresses = Object.fromEntries(
    wanted.flatMap((uid) => (present[uid] === undefined ? [] : [[uid, present[uid]]])),
  );
  const slices = [...virtualSlicesOf(network)];
  const used = new Set([...taken, ...Object.values(addresses)]);
  const left: string[] = [];
  for (const uid of wanted) {
    if (addresses[uid] !== undefined) continue;
    const address = freeAddress(network, slices, used);
    if (address === undefined) {
      left.push(uid);
      continue;
    }
    addresses[uid] = address;
    used.add(address);
  }
  const { virtual: _, ...status } = network.status;
  const none = Object.keys(addresses).length === 0;
  return {
    network: { ...network, status: none ? status : { ...status, virtual: { slices, addresses } } },
    left,
  };
}

/** Adds a slice to `slices` when those that are there are used up. */
function freeAddress(network: Network, slices: string[], used: ReadonlySet<string>): string | undefined {
  const { subnet, gateway, range, reserved = {} } = network.spec;
  if (subnet === undefined) return undefined;
  const ends = endsOf(subnet);
  const { fixed = {} } = network.status;
  const never = new Set([...used, gateway, ...Object.values(reserved), ...Object.keys(fixed)]);
  const free = (address: number): boolean =>
    address !== ends.first && address !== ends.last && !never.has(textOf(address));
  const whole = range ?? subnet;
  for (const slice of slices) {
    const { first, last } = endsOf(slice);
    for (let address = first; address <= last; address += 1) if (free(address)) return textOf(address);
  }
  const next = nextSlice(network, whole, slices);
  if (next !== undefined) {
    slices.push(next);
    return freeAddress(network, slices, used);
  }
  const { first, last } = endsOf(whole);
  for (let address = last; address >= first; address -= 1) if (free(address)) return textOf(address);
  return undefined;
}

/** The last one that neither a host has nor `slices`. */
function nextSlice({ status }: Network, whole: string, slices: readonly string[]): string | undefined {
  const all = slicesOf(whole);
  if (all.length < slicesToSpare) return undefined;
  const held = new Set([...Object.values(status.slices ?? {}).flat(), ...slices]);
  return all.findLast((slice) => !held.has(slice));
}
