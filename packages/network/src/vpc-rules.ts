import { renderTable } from './host-rules.ts';
import { tapPrefix, tunnelDevice, uplink } from './names.ts';

/**
 * The firewall inside a VPC, as commands for `nft`. It never changes when a pod comes or goes: who may use which
 * address follows from the routes (a source address must lead back to the tap it came from).
 *
 * Pods reach others on the same network, here and through the tunnel to other hosts, and this host; nothing in the VPC
 * itself can be talked to. No rule needs connection tracking, so none is done here.
 */
export function renderVpcRules(subnets: readonly string[]): string[] {
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
        'input',
        'filter hook input priority filter',
        ['iifname "lo" accept', 'icmp type { destination-unreachable, time-exceeded } accept', 'drop'],
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
          ...subnets.flatMap((subnet) => [
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
