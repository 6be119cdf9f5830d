import type { PortMapping } from './contract.ts';

/** All that the host's firewall table depends on. Rendering it is a pure function; applying it is one transaction. */
export interface HostRules {
  readonly table: string;
  /** Start of the names of the host's ends of all VPC links. */
  readonly linkPrefix: string;
  readonly networks: readonly { readonly subnet: string; readonly internal: boolean }[];
  /** Host ports that the kernel leads to pods, IPv4 only. */
  readonly ports: readonly KernelPort[];
  /** False when a foreign firewall drops forwarded packets: then published ports are served in user space alone. */
  readonly forwardPorts: boolean;
}

export interface KernelPort {
  readonly mapping: PortMapping;
  readonly podAddress: string;
}

/**
 * The commands for `nft`, to be applied together. Chains and sets are declared (which does nothing when they are there), flushed and filled
 * again, instead of making the table anew, so that address translation is never off, not even for a moment.
 *
 * - What comes from a VPC may leave for anywhere but another VPC, unless through a published port, and gets the
 *   host's address on the way out.
 * - What goes into a VPC is an answer, comes from the host itself, or was addressed to a published port.
 * - `live` ends translated flows to what is no longer published: the kernel would remember them for minutes, and
 *   the address may belong to another pod by then.
 */
export function renderHostRules(rules: HostRules): string[] {
  const from = `iifname "${rules.linkPrefix}*"`;
  const to = `oifname "${rules.linkPrefix}*"`;
  const ports = rules.forwardPorts ? rules.ports : [];
  const any = ports.filter((p) => isAny(p.mapping.hostIp));
  const one = ports.filter((p) => !isAny(p.mapping.hostIp));
  const target = (p: KernelPort) => `${p.podAddress} . ${p.mapping.podPort}`;
  const dnat = [
    'fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @port_of_address',
    'fib daddr type local dnat ip to meta l4proto . th dport map @port',
  ];
  const stale = `${to} ct direction original ct status dnat meta l4proto . ip daddr . th dport != @live drop`;
  const chains: [name: string, hook: string, rules: string[]][] = [
    ['raw', 'filter hook prerouting priority raw', [`${from} ip daddr 127.0.0.0/8 drop`]],
    ['prerouting', 'nat hook prerouting priority dstnat', dnat],
    ['output', 'nat hook output priority -100', dnat],
    ['local', 'filter hook output priority filter', [stale]],
    [
      'forward',
      'filter hook forward priority filter',
      [
        stale,
        `${to} ct status dnat accept`,
        `${to} ct state established,related accept`,
        `${to} drop`,
        `${from} ct direction original ip saddr @internal drop`,
      ],
    ],
    [
      'postrouting',
      'nat hook postrouting priority srcnat',
      [
        `ip saddr 127.0.0.0/8 ${to} masquerade`,
        `${from} ${to} ct status dnat masquerade`,
        `${from} oifname != "${rules.linkPrefix}*" ip saddr @subnets masquerade`,
      ],
    ],
  ];
  const sets: [kind: string, name: string, type: string, elements: string[]][] = [
    ['set', 'subnets', 'type ipv4_addr; flags interval', rules.networks.map((n) => n.subnet)],
    [
      'set',
      'internal',
      'type ipv4_addr; flags interval',
      rules.networks.filter((n) => n.internal).map((n) => n.subnet),
    ],
    [
      'set',
      'live',
      'type inet_proto . ipv4_addr . inet_service',
      ports.map((p) => `${p.mapping.protocol} . ${target(p)}`),
    ],
    [
      'map',
      'port',
      'type inet_proto . inet_service : ipv4_addr . inet_service',
      any.map((p) => `${p.mapping.protocol} . ${p.mapping.hostPort} : ${target(p)}`),
    ],
    [
      'map',
      'port_of_address',
      'type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service',
      one.map((p) => `${p.mapping.hostIp} . ${p.mapping.protocol} . ${p.mapping.hostPort} : ${target(p)}`),
    ],
  ];
  return renderTable(rules.table, sets, chains);
}

function isAny(hostIp: string): boolean {
  return hostIp === '' || hostIp === '0.0.0.0';
}

export function renderTable(
  table: string,
  sets: readonly (readonly [kind: string, name: string, type: string, elements: readonly string[]])[],
  chains: readonly (readonly [name: string, hook: string, rules: readonly string[]])[],
): string[] {
  const t = `inet ${table}`;
  const lines = [`add table ${t}`];
  for (const [kind, name, type] of sets) lines.push(`add ${kind} ${t} ${name} { ${type}; }`);
  for (const [name, hook] of chains) {
    lines.push(
      hook === '' ? `add chain ${t} ${name}` : `add chain ${t} ${name} { type ${hook}; policy accept; }`,
    );
  }
  for (const [name] of chains) lines.push(`flush chain ${t} ${name}`);
  for (const [kind, name, , elements] of sets) {
    lines.push(`flush ${kind} ${t} ${name}`);
    const unique = [...new Set(elements)];
    if (unique.length > 0) lines.push(`add element ${t} ${name} { ${unique.join(', ')} }`);
  }
  for (const [name, , rules] of chains) for (const rule of rules) lines.push(`add rule ${t} ${name} ${rule}`);
  return lines;
}
