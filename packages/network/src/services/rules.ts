import { createHash } from 'node:crypto';
import { removalOf } from '../firewall.ts';
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

type Elements = ReadonlyMap<string, string>;
type Set = readonly [kind: 'set' | 'map', name: string, type: string, elements: Elements];
type Chain = readonly [name: string, hook: string, rules: readonly string[]];

/**
 * Virtual addresses in the firewall of a VPC, as commands for `nft` to be applied together, whatever table there is. A
 * connection is led to a ready pod by the host of who makes it, and its answers come back there; so the pod sees who it is.
 *
 * - What goes neither to nor from a virtual address or one of its pods isn't tracked.
 * - `balance`: each new connection goes to the next ready pod; an address has a chain of its own while it has any.
 * - `refuse`: no pod is ready, or the one that a connection was led to is gone. The asker is told at once.
 * - `hairpin`: a pod that was led to itself is asked by the virtual address, or its answer would never leave it.
 *
 * The kernel remembers a flow for as long as packets come, and who sends datagrams for ever would never reach another pod than
 * the first. So what isn't TCP is tracked in a zone that belongs to exactly these members: once one comes or goes, all its flows
 * are new ones. A TCP connection stays where it is, and is reset once its pod is gone.
 */
export function renderVirtualRules(all: readonly VirtualAddress[]): string[] {
  const sets = setsOf(all).map(
    ([kind, name, type, elements]) => [kind, name, type, listed(elements)] as const,
  );
  return [...removalOf(table), ...renderTable(table, sets, [...baseChains, ...chainsOf(all)])];
}

/** What makes the rules of `before` those of `after`, and costs no more than what differs. Fails where `before` isn't there. */
export function renderVirtualChange(
  before: readonly VirtualAddress[],
  after: readonly VirtualAddress[],
): string[] {
  const t = `inet ${table}`;
  const [old, wanted] = [chainsOf(before), chainsOf(after)];
  const rulesIn = (chains: readonly Chain[]) =>
    new Map(chains.map(([name, , rules]) => [name, rules.join()]));
  const [oldRules, wantedRules] = [rulesIn(old), rulesIn(wanted)];
  const fresh = wanted.filter(([name]) => !oldRules.has(name));
  const gone = old.filter(([name]) => !wantedRules.has(name));
  const changed = wanted.filter(([name]) => oldRules.get(name) !== wantedRules.get(name));
  const elements = setsOf(after).flatMap(([, name, , now], i) => {
    const was = setsOf(before)[i]?.[3] ?? new Map();
    const left = listed(without(was, now));
    const come = listed(without(now, was));
    return [
      ...(left.length > 0 ? [`delete element ${t} ${name} { ${left.join(', ')} }`] : []),
      ...(come.length > 0 ? [`add element ${t} ${name} { ${come.join(', ')} }`] : []),
    ];
  });
  return [
    ...fresh.map(([name]) => `add chain ${t} ${name}`),
    ...elements,
    ...changed.flatMap(([name, , rules]) => [
      `flush chain ${t} ${name}`,
      ...rules.map((rule) => `add rule ${t} ${name} ${rule}`),
    ]),
    ...gone.flatMap(([name]) => [`flush chain ${t} ${name}`, `delete chain ${t} ${name}`]),
  ];
}

/** An ICMP error about a packet of TCP: whichever host it comes from, it may be about one that was led to a pod. */
const aboutTcp = 'icmp type destination-unreachable @th,136,8 6';

const lost = 'ct direction original ct status dnat ip daddr != @members';
const resetTcp = 'meta l4proto tcp reject with tcp reset';
const refuseRest = 'reject with icmp type port-unreachable';

const baseChains: readonly Chain[] = [
  [
    'track',
    // After the check of who sends, before the kernel looks for the flow.
    'filter hook prerouting priority raw + 1',
    [
      `${aboutTcp} accept`,
      'ip daddr != @virtual ip daddr != @members ip saddr != @members notrack accept',
      'meta l4proto tcp accept',
      'ip daddr @virtual ct zone set ip daddr map @zone accept',
      'ip saddr @members ct zone set ip saddr map @zone accept',
      'ct zone set ip daddr map @zone',
    ],
  ],
  ['balance', 'nat hook prerouting priority dstnat', ['ip daddr vmap @to']],
  [
    'refuse',
    'filter hook prerouting priority dstnat + 1',
    [
      `${lost} ${resetTcp}`,
      `${lost} ${refuseRest}`,
      `ip daddr @virtual ${resetTcp}`,
      `ip daddr @virtual ${refuseRest}`,
    ],
  ],
  [
    'hairpin',
    'nat hook postrouting priority srcnat',
    ['ct status dnat snat ip to ip saddr . ip daddr map @alone'],
  ],
];

const chainOf = ({ address }: VirtualAddress): string => `to_${address}`;

function chainsOf(all: readonly VirtualAddress[]): Chain[] {
  return all
    .filter(({ ready }) => ready.length > 0)
    .map((each) => {
      const turns = each.ready.map((pod, turn) => `${turn} : ${pod}`).join(', ');
      return [chainOf(each), '', [`dnat ip to numgen inc mod ${each.ready.length} map { ${turns} }`]];
    });
}

/** Always in the same order. */
function setsOf(all: readonly VirtualAddress[]): Set[] {
  const zones = all.flatMap((each) => {
    const zone = `${zoneOf(each)}`;
    return [each.address, ...each.members].map((address) => [address, zone] as const);
  });
  const members = all.flatMap(({ address, members: pods }) => pods.map((pod) => [pod, address] as const));
  const balanced = all.filter(({ ready }) => ready.length > 0);
  return [
    ['set', 'virtual', 'type ipv4_addr', new Map(all.map(({ address }) => [address, '']))],
    ['set', 'members', 'type ipv4_addr', new Map(members.map(([pod]) => [pod, '']))],
    ['map', 'zone', 'typeof ip daddr : ct zone', new Map(zones)],
    [
      'map',
      'alone',
      'type ipv4_addr . ipv4_addr : ipv4_addr',
      new Map(members.map(([pod, address]) => [`${pod} . ${pod}`, address])),
    ],
    [
      'map',
      'to',
      'type ipv4_addr : verdict',
      new Map(balanced.map((each) => [each.address, `goto ${chainOf(each)}`])),
    ],
  ];
}

const listed = (elements: Elements): string[] =>
  [...elements].map(([key, value]) => (value === '' ? key : `${key} : ${value}`));

/** What is in `these` and not, or otherwise, in `others`. */
const without = (these: Elements, others: Elements): Elements =>
  new Map([...these].filter(([key, value]) => others.get(key) !== value));

/** The same for the same members, whenever and by whom it is asked; 0 is the zone of everything else. */
function zoneOf({ address, members }: VirtualAddress): number {
  const digest = createHash('sha256').update([address, ...members.toSorted()].join(' '));
  return 1 + (digest.digest().readUInt16BE(0) % 65_535);
}
