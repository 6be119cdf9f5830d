import { createHash } from 'node:crypto';
import { renderTable } from '../host-rules.ts';

/** Of its own, beside the VPC's: it is there only while the VPC has virtual addresses. */
export const table = 'kraud-virtual';

/** An address that leads each connection to one of several pods. */
export interface VirtualAddress {
  readonly address: string;
  /** Addresses of pods that take new connections. */
  readonly ready: readonly string[];
  /** Those, and of pods that may still have some. */
  readonly members: readonly string[];
}

/**
 * Virtual addresses in the firewall of a VPC, as commands for `nft` to be applied together. A connection is led to a ready
 * pod by the host of who makes it, and its answers come back there; so the pod sees who it is.
 *
 * - What goes neither to nor from a virtual address or one of its pods isn't tracked.
 * - `balance`: each new connection goes to the next ready pod.
 * - `refuse`: no pod is ready, or the one that a connection was led to is gone. The asker is told at once.
 * - `hairpin`: a pod that was led to itself is asked by the virtual address, or its answer would never leave it.
 *
 * The kernel remembers a flow for as long as packets come, and who sends datagrams for ever would never reach another pod than
 * the first. So what isn't TCP is tracked in a zone that belongs to exactly these members: once one comes or goes, all its flows
 * are new ones. A TCP connection stays where it is, and is reset once its pod is gone.
 */
export function renderVirtualRules(all: readonly VirtualAddress[]): string[] {
  const inZone = all.flatMap((each) => {
    const zone = zoneOf(each);
    return [each.address, ...each.members].map((address) => `${address} : ${zone}`);
  });
  const alone = all.flatMap(({ address, members }) => members.map((pod) => `${pod} . ${pod} : ${address}`));
  const lost = 'ct direction original ct status dnat ip daddr != @members';
  const tcp = 'meta l4proto tcp reject with tcp reset';
  const other = 'reject with icmp type port-unreachable';
  return renderTable(
    table,
    [
      ['set', 'virtual', 'type ipv4_addr', all.map(({ address }) => address)],
      ['set', 'members', 'type ipv4_addr', all.flatMap(({ members }) => members)],
      ['map', 'zone', 'typeof ip daddr : ct zone', inZone],
      ['map', 'alone', 'type ipv4_addr . ipv4_addr : ipv4_addr', alone],
    ],
    [
      [
        'track',
        // After the check of who sends, before the kernel looks for the flow.
        'filter hook prerouting priority raw + 1',
        [
          'ip daddr != @virtual ip daddr != @members ip saddr != @members notrack accept',
          'meta l4proto tcp accept',
          'ip daddr @virtual ct zone set ip daddr map @zone accept',
          'ip saddr @members ct zone set ip saddr map @zone accept',
          'ct zone set ip daddr map @zone',
        ],
      ],
      ['balance', 'nat hook prerouting priority dstnat', all.flatMap(balanced)],
      [
        'refuse',
        'filter hook prerouting priority dstnat + 1',
        [`${lost} ${tcp}`, `${lost} ${other}`, `ip daddr @virtual ${tcp}`, `ip daddr @virtual ${other}`],
      ],
      [
        'hairpin',
        'nat hook postrouting priority srcnat',
        ['ct status dnat snat ip to ip saddr . ip daddr map @alone'],
      ],
    ],
  );
}

function balanced({ address, ready }: VirtualAddress): string[] {
  if (ready.length === 0) return [];
  const turns = ready.map((pod, turn) => `${turn} : ${pod}`).join(', ');
  return [`ip daddr ${address} dnat ip to numgen inc mod ${ready.length} map { ${turns} }`];
}

/** The same for the same members, whenever and by whom it is asked; 0 is the zone of everything else. */
function zoneOf({ address, members }: VirtualAddress): number {
  const digest = createHash('sha256').update([address, ...members.toSorted()].join(' '));
  return 1 + (digest.digest().readUInt16BE(0) % 65_535);
}
