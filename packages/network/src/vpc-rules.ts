import { renderTable } from './host-rules.ts';
import { tapPrefix, uplink } from './names.ts';

/**
 * The firewall inside a VPC, as commands for `nft`. It never changes when a pod comes or goes: who may use which
 * address follows from the routes (a source address must lead back to the tap it came from).
 *
 * Pods reach others on the same network, and the host; nothing in the VPC itself can be talked to. No rule needs
 * connection tracking, so none is done here.
 */
export function renderVpcRules(subnets: readonly string[]): string[] {
  const fromPod = `iifname "${tapPrefix}*"`;
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
          `iifname "${uplink}" oifname "${tapPrefix}*" accept`,
          `${fromPod} oifname "${uplink}" accept`,
          ...subnets.map((s) => `${fromPod} oifname "${tapPrefix}*" ip saddr ${s} ip daddr ${s} accept`),
          'drop',
        ],
      ],
    ],
  );
}
