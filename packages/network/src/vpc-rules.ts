import { renderTable } from './host-rules.ts';
import { tapPrefix, tunnelDevice, uplink } from './names.ts';

/** A network as far as its rules go. */
export interface RuledNetwork {
  readonly subnet: string;
  /** An address of this host's blocks; undefined where they aren't divided among hosts. */
  readonly ours?: string | undefined;
}

/**
 * The firewall inside a VPC, as commands for `nft`. It never changes when a pod comes or goes: who may use which
 * address follows from the routes (a source address must lead back to the tap it came from).
 *
 * Pods reach others on the same network, here and through the tunnel to other hosts, and this host; nothing in the VPC
 * itself can be talked to. No rule needs connection tracking, so none is done here.
 */
export function renderVpcRules(networks: readonly RuledNetwork[]): string[] {
  const fromPod = `iifname "${tapPrefix}*"`;
  const toPod = `oifname "${tapPrefix}*"`;
  const fromFar = `iifname "${tunnelDevice}"`;
  const toFar = `oifname "${tunnelDevice}"`;
  const within = (subnet: string): string => `ip saddr ${subnet} ip daddr ${subnet} accept`;
  return renderTable(
    'kraud',
    [],
    [
      [
        'raw',
        'filter hook prerouting priority raw',
        [
          `${fromPod} meta nfproto ipv6 drop`,
          `${fromPod} fib saddr . iif oif missing drop`,
          `${fromPod} icmp type redirect drop`,
          `${fromFar} meta nfproto ipv6 drop`,
          `${fromFar} fib saddr . iif oif missing drop`,
          `${fromFar} icmp type redirect drop`,
        ],
      ],
      [
        'cut',
        // Where a virtual address leads is known.
        'filter hook prerouting priority dstnat + 1',
        [
          // Too large for the tunnel: cut, since who sends a datagram isn't told that the first was lost. A number puts it together again.
          `meta l4proto udp ip frag-off 0x4000 fib daddr oifname "${tunnelDevice}" ip id set numgen random mod 65536 ip frag-off set 0`,
        ],
      ],
      [
        'input',
        'filter hook input priority filter',
        ['iifname "lo" accept', 'icmp type { destination-unreachable, time-exceeded } accept', 'drop'],
      ],
      [
        'output',
        'filter hook output priority filter',
        // The VPC has no address of its own. What it says to another host's pod, no tunnel would take from elsewhere.
        networks.flatMap(({ subnet, ours }) =>
          ours === undefined ? [] : [`${toFar} ip daddr ${subnet} meta l4proto icmp ip saddr set ${ours}`],
        ),
      ],
      [
        'forward',
        'filter hook forward priority filter',
        [
          // Pods have larger packets than fit through a tunnel.
          `${toFar} tcp flags syn / syn,rst tcp option maxseg size set rt mtu`,
          `iifname "${uplink}" ${toPod} accept`,
          `iifname "${uplink}" ${toFar} reject with icmp type host-unreachable`,
          `${fromPod} oifname "${uplink}" accept`,
          ...networks.flatMap(({ subnet }) => [
            `${fromPod} ${toPod} ${within(subnet)}`,
            `${fromPod} ${toFar} ${within(subnet)}`,
            `${fromFar} ${toPod} ${within(subnet)}`,
          ]),
          'drop',
        ],
      ],
    ],
  );
}
