import type { DeviceChange, DevicePeer, DeviceState } from './device.ts';

/** What a device is to be, but for its port. */
export interface WantedDevice {
  readonly privateKey: string;
  readonly peers: readonly DevicePeer[];
}

/** What makes the one of the other; undefined when nothing does. */
export function planDevice(seen: DeviceState, wanted: WantedDevice): DeviceChange | undefined {
  const kept = new Map(seen.peers.map((peer) => [peer.key, textOf(peer)]));
  const set = wanted.peers.filter((peer) => kept.get(peer.key) !== textOf(peer));
  const names = new Set(wanted.peers.map(({ key }) => key));
  const remove = seen.peers.map(({ key }) => key).filter((key) => !names.has(key));
  const rekeyed = seen.privateKey !== wanted.privateKey;
  if (set.length === 0 && remove.length === 0 && !rekeyed) return undefined;
  return { ...(rekeyed ? { privateKey: wanted.privateKey } : {}), set, remove };
}

const textOf = ({ endpoint, blocks }: DevicePeer): string => `${endpoint} ${[...blocks].sort().join(' ')}`;

/** Routes of a VPC through its tunnel: lines for `ip -batch`. The metric lets a pod that is here go before. */
export function planRoutes(seen: readonly string[], wanted: readonly string[], device: string): string[] {
  const route = (block: string): string => `${block} dev ${device} metric ${tunnelMetric}`;
  return [
    ...wanted.filter((block) => !seen.includes(block)).map((block) => `route replace ${route(block)}`),
    ...seen.filter((block) => !wanted.includes(block)).map((block) => `route del ${route(block)}`),
  ];
}

const tunnelMetric = 100;
