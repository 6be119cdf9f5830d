import { must } from '@kraud/base';
import type { Network } from '../model/index.ts';
import { numberOf, textOf } from './ipv4.ts';

/** The most hosts that a network's addresses are divided among, as a power of two. */
const sliceBits = 6;
/** A slice of fewer than 16 addresses would be used up at once. */
const slicePrefixMax = 28;

/**
 * The network with one more slice for this host, so that no two hosts give a pod the same address; undefined when none is
 * left. A slice is a 64th of the network's addresses (or all of a small one); those of hosts that are gone are given last.
 *
 * | network     | slices                              |
 * | ----------- | ----------------------------------- |
 * | 10.1.0.0/16 | 64 of a /22: 10.1.0.0/22, 10.1.4.0/22 … |
 * | 10.1.0.0/24 | 16 of a /28                         |
 * | 10.1.0.0/29 | one, of all                         |
 */
export function withSlice(
  network: Network,
  host: string,
  isGone: (host: string) => boolean,
): Network | undefined {
  const whole = network.spec.range ?? network.spec.subnet;
  if (whole === undefined) return undefined;
  const present = Object.entries(network.status.slices ?? {});
  const others = present.filter(([name]) => name === host || !isGone(name));
  const freeOf = (held: typeof present): string | undefined => {
    const taken = new Set([...held.flatMap(([, slices]) => slices), ...virtualSlicesOf(network)]);
    return slicesOf(whole).find((slice) => !taken.has(slice));
  };
  const untouched = freeOf(present);
  const free = untouched ?? freeOf(others);
  if (free === undefined) return undefined;
  const slices = Object.fromEntries(untouched === undefined ? others : present);
  slices[host] = [...(slices[host] ?? []), free];
  return { ...network, status: { ...network.status, slices } };
}

/** Slices that no host has: virtual addresses are chosen from them. */
export function virtualSlicesOf({ status }: Network): readonly string[] {
  return status.virtual?.slices ?? [];
}

export function slicesOf(block: string): string[] {
  const [address, prefixText] = block.split('/');
  const prefix = Number(prefixText);
  const slicePrefix = Math.max(prefix, Math.min(prefix + sliceBits, slicePrefixMax));
  const first = numberOf(must(address, 'a block has an address'));
  const size = 2 ** (32 - slicePrefix);
  const count = 2 ** (slicePrefix - prefix);
  return Array.from({ length: count }, (_, i) => `${textOf(first + i * size)}/${slicePrefix}`);
}
