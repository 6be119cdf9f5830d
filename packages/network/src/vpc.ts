import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { assert, KraudError, type Logger } from '@kraud/base';
import { Subnet } from './addresses/ipv4.ts';
import type { NetworkState, Tap } from './contract.ts';
import type { NetworkLimits } from './defaults.ts';
import { packetsIn } from './kernel/counters.ts';
import { type Link, links } from './kernel/facts.ts';
import { IpBatch, type IpCommand } from './kernel/ip-batch.ts';
import { type Place, runIn } from './kernel/run.ts';
import { checkedDevice, type Names, tapMac, tapPrefix, uplink } from './names.ts';
import { ParkingPlace } from './parking/parking-place.ts';
import { Balancer } from './services/balancer.ts';
import type { VirtualAddress } from './services/rules.ts';
import { type RuledNetwork, renderVpcRules } from './vpc-rules.ts';

const gone = /Cannot find device|No such (device|process|file)/;
const there = /File exists/;

/** What leads to a pod. */
export interface TapPlace {
  readonly addresses: readonly string[];
  readonly mac: string;
  readonly mtu: number;
}

/**
 * One tenant's private network on this host: a kernel network namespace that routes between the taps of its pods and
 * one link to the host. No bridge: each tap is a network of its own, with a route to the one address behind it, and
 * the VPC answers the pods' ARP questions for all others (proxy ARP), so that a pod may believe in a flat subnet.
 *
 * ```
 * pod eth0 172.17.0.2/16 ── tapX │ route 172.17.0.2 dev tapX  │ up0 ── kv… 172.17.0.1/16 │ host
 * pod eth0 172.17.0.3/16 ── tapY │ route 172.17.0.3 dev tapY  │
 *                                │ unreachable 172.17.0.0/16  │
 * ```
 *
 * Holds: a tap has the alias `kraud:<pod>` while it belongs to one, and is down otherwise. Every method may be
 * repeated after a crash in its middle.
 */
export class Vpc {
  readonly tenant: string;
  readonly netns: string;
  readonly hostLink: string;
  readonly parking: ParkingPlace;
  readonly #batch: IpBatch;
  readonly #balancer: Balancer;
  readonly #log: Logger;
  readonly #devices = new Map<string, string>();

  constructor(tenant: string, options: { names: Names; limits: NetworkLimits; logger: Logger }) {
    this.tenant = tenant;
    this.netns = options.names.netns(tenant);
    this.hostLink = options.names.link(tenant);
    this.#log = options.logger;
    const helper = { idleMs: options.limits.helperIdleMs, timeoutMs: options.limits.commandTimeoutMs };
    this.#batch = new IpBatch(this.place, helper);
    this.parking = new ParkingPlace(this.place, { ...options, batch: this.#batch });
    this.#balancer = new Balancer(this.place, { batch: this.#batch, helper, logger: options.logger });
  }

  get place(): Place {
    return { name: this.netns };
  }

  /** Makes the namespace, its link, routes and firewall what they should be for these networks. */
  async ensure(networks: readonly (NetworkState & RuledNetwork)[], mtu: number): Promise<void> {
    if (!existsSync(`/run/netns/${this.netns}`)) await runIn('host', ['ip', 'netns', 'add', this.netns]);
    const [outer, inner] = await Promise.all([links('host'), links(this.place)]);
    let host = outer.find((l) => l.name === this.hostLink);
    if (!host || !inner.some((l) => l.name === uplink)) {
      if (host) await runIn('host', ['ip', 'link', 'del', 'dev', this.hostLink]);
      await runIn(this.place, ['sh', '-ec', namespaceSettings]);
      const peer = ['peer', 'name', uplink, 'netns', this.netns];
      await runIn('host', ['ip', 'link', 'add', 'name', this.hostLink, 'type', 'veth', ...peer]);
      await runIn(this.place, ['sh', '-ec', uplinkSettings]);
      host = (await links('host')).find((l) => l.name === this.hostLink);
    }
    if (!host)
      throw new KraudError('unavailable', `link ${this.hostLink} disappeared while it was being made`);
    await runIn('host', ['sh', '-ec', hostLinkSettings(this.hostLink, mtu, networks)]);
    await this.#batch.run(uplinkCommands(networks, host.mac, mtu));
    await runIn(this.place, ['nft', '-f', '-'], renderVpcRules(networks).join('\n'));
  }

  /** From now on these lead to their pods, and no others do. Safe to repeat; without a change nothing is done. */
  balance(addresses: readonly VirtualAddress[]): Promise<void> {
    return this.#balancer.settle(addresses);
  }

  /** Takes a tap in, switched off and without an owner; answers its name in the VPC. */
  async take(tap: Tap, id: string): Promise<string> {
    const name = tapPrefix + id;
    await runIn(tap.netns, ['ip', ...this.#move(tap.name, name).split(' ')]);
    return name;
  }

  /** The same from another VPC, where it has been staged. */
  async takeFrom(other: Vpc, device: string): Promise<string> {
    await other.#batch.run([{ line: this.#move(device, device) }]);
    return device;
  }

  #move(from: string, to: string): string {
    return `link set dev ${checkedDevice(from)} netns ${this.netns} name ${checkedDevice(to)} address ${tapMac}`;
  }

  /** The tap is the pod's from now on, and the way to its addresses. */
  async connect(podId: string, device: string, place: TapPlace): Promise<void> {
    this.#devices.set(podId, checkedDevice(device));
    await this.#batch.run([
      switchOn(podId, device, place.mtu),
      // Answers for other addresses go out at once; the kernel would wait up to 800 ms.
      { line: `ntable change name arp_cache dev ${device} proxy_delay 0` },
      ...place.addresses.flatMap((ipv4) => leadTo(ipv4, place.mac, device)),
    ]);
  }

  /** The same for a tap that no VM has, or soon none: what is sent to the pod waits. */
  async park(podId: string, device: string, place: Omit<TapPlace, 'mac'>): Promise<void> {
    this.#devices.set(podId, checkedDevice(device));
    await this.#batch.run([
      switchOn(podId, device, place.mtu),
      ...place.addresses.map((ipv4) => routeTo(ipv4, device)),
    ]);
    await this.parking.keep(device);
  }

  /** The tap is nobody's any more, and leads nowhere. One that is gone is fine. */
  async disown(podId: string, device: string): Promise<void> {
    this.#devices.delete(podId);
    await this.#batch.run([{ line: `link set dev ${checkedDevice(device)} down alias ""`, tolerate: gone }]);
  }

  /** Packets that each tap has carried, in both directions. */
  async packets(): Promise<ReadonlyMap<string, number>> {
    // Whoever has carried out a command is in its place for sure.
    await this.#batch.warm();
    const path = `/proc/${this.#batch.pid}/net/dev`;
    const text = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw new KraudError('unavailable', `packets can't be counted in ${this.netns} now`, { cause });
    });
    return packetsIn(text);
  }

  /** The pod's tap, as far as it is known. */
  tapOf(podId: string): string | undefined {
    return this.#devices.get(podId);
  }

  /** What a connected pod has and hasn't any more. */
  async readdress(
    podId: string,
    change: { readonly add: readonly string[]; readonly drop: readonly string[]; readonly mac: string },
  ): Promise<void> {
    const device = this.#devices.get(podId);
    if (device === undefined) throw new KraudError('not-found', `pod ${podId} has no tap`);
    await this.#batch.run([
      ...change.drop.flatMap((ipv4) => leadNowhere(ipv4, device)),
      ...change.add.flatMap((ipv4) => leadTo(ipv4, change.mac, device)),
    ]);
  }

  /** No packet reaches the pod any more. Answers its tap, which waits to be discarded. */
  async disconnect(podId: string, addresses: readonly string[]): Promise<string | undefined> {
    const device = this.#devices.get(podId);
    this.#devices.delete(podId);
    if (device === undefined) return undefined;
    await this.#batch.run(addresses.flatMap((ipv4) => leadNowhere(ipv4, device)));
    return device;
  }

  /** The network is no longer one of this VPC's; `ensure` with the others follows. */
  async drop(network: NetworkState): Promise<void> {
    const address = `${network.gateway}/${Subnet.parse(network.subnet).prefix}`;
    await runIn('host', ['ip', 'addr', 'del', address, 'dev', this.hostLink]);
    await this.#batch.run([
      { line: `route del unreachable ${network.subnet}`, tolerate: gone },
      { line: `route del ${network.gateway}/32 dev ${uplink}`, tolerate: gone },
    ]);
  }

  /** Deletes a tap that is nobody's. */
  async discard(device: string): Promise<void> {
    await this.#batch.run([{ line: `link del dev ${checkedDevice(device)}`, tolerate: gone }]);
  }

  /** What taps are here, by the pod they belong to; staged ones have no pod. A VM has those that carry something. */
  async taps(): Promise<{ device: string; podId: string | undefined; carries: boolean }[]> {
    const taps = (await links(this.place)).filter(isTap);
    return taps.map(({ name, alias, carries }) => ({ device: name, podId: podOf(alias), carries }));
  }

  warm(): Promise<void> {
    return this.#batch.warm();
  }

  close(): void {
    this.#balancer.close();
    this.#batch.close();
  }

  async remove(): Promise<void> {
    this.close();
    await removeVpc(this.netns, this.hostLink);
    this.#log.debug({ tenant: this.tenant, netns: this.netns }, 'VPC removed');
  }
}

/** Packets that these pods' taps have carried; each VPC is asked once. */
export async function packetsOf(
  taps: readonly { readonly podId: string; readonly vpc: Vpc; readonly device: string }[],
): Promise<ReadonlyMap<string, number>> {
  const vpcs = [...new Set(taps.map(({ vpc }) => vpc))];
  const packets = new Map(await Promise.all(vpcs.map(async (vpc) => [vpc, await vpc.packets()] as const)));
  return new Map(
    taps.flatMap(({ podId, vpc, device }) => {
      const count = packets.get(vpc)?.get(device);
      return count === undefined ? [] : [[podId, count] as const];
    }),
  );
}

const leadTo = (ipv4: string, mac: string, device: string): IpCommand[] => [
  { line: `neigh replace ${ipv4} lladdr ${mac} dev ${device} nud permanent` },
  routeTo(ipv4, device),
];

const routeTo = (ipv4: string, device: string): IpCommand => ({
  line: `route replace ${ipv4}/32 dev ${device}`,
});

const switchOn = (podId: string, device: string, mtu: number): IpCommand => ({
  line: `link set dev ${device} alias ${aliasOf(podId)} mtu ${mtu} up`,
});

const leadNowhere = (ipv4: string, device: string): IpCommand[] => [
  { line: `route del ${ipv4}/32 dev ${device}`, tolerate: gone },
];

export async function removeVpc(netns: string, hostLink: string): Promise<void> {
  const present = new Set((await links('host')).map((l) => l.name));
  if (present.has(hostLink)) {
    await runIn('host', ['ip', 'link', 'del', 'dev', hostLink]).catch((error: unknown) => {
      if (!gone.test(String(error))) throw error;
    });
  }
  if (existsSync(`/run/netns/${netns}`)) await runIn('host', ['ip', 'netns', 'del', netns]);
}

function isTap(link: Link): boolean {
  return link.name.startsWith(tapPrefix);
}

function aliasOf(podId: string): string {
  assert(/^[A-Za-z0-9_.-]{1,200}$/.test(podId), `bad pod id '${podId}'`);
  return `kraud:${podId}`;
}

function podOf(alias: string | undefined): string | undefined {
  return alias?.startsWith('kraud:') ? alias.slice('kraud:'.length) : undefined;
}

/**
 * Some settings are taken from the host's when a namespace is made, so nothing is left to chance here. The kernel notes
 * whoever asks by ARP, in one table for all namespaces and of a thousand entries: by `rp_filter` it does so only for
 * addresses that lead back, so that no pod can fill it with others.
 */
const namespaceSettings = `
cd /proc/sys/net
for f in all default; do
  echo 1 > ipv4/conf/$f/forwarding
  echo 1 > ipv4/conf/$f/proxy_arp
  echo 0 > ipv4/conf/$f/send_redirects
  echo 0 > ipv4/conf/$f/accept_redirects
  echo 0 > ipv4/conf/$f/accept_source_route
  if [ -e ipv6/conf/$f/disable_ipv6 ]; then echo 1 > ipv6/conf/$f/disable_ipv6; fi
done
echo 0 > ipv4/conf/all/rp_filter
echo 1 > ipv4/conf/default/rp_filter
ip link set dev lo up
`;

/** From the host connections of pods to their own published ports come back with pods' addresses. */
const uplinkSettings = `echo 0 > /proc/sys/net/ipv4/conf/${uplink}/rp_filter`;

function hostLinkSettings(link: string, mtu: number, networks: readonly NetworkState[]): string {
  const addresses = networks.map(
    (n) => `ip addr replace ${n.gateway}/${Subnet.parse(n.subnet).prefix} brd + dev ${link}`,
  );
  return `
if [ -e /proc/sys/net/ipv6/conf/${link}/disable_ipv6 ]; then echo 1 > /proc/sys/net/ipv6/conf/${link}/disable_ipv6; fi
cd /proc/sys/net/ipv4/conf/${link}
echo 1 > forwarding
echo 1 > route_localnet
echo 0 > send_redirects
ip link set dev ${link} mtu ${mtu} up
${addresses.join('\n')}
`;
}

function uplinkCommands(networks: readonly NetworkState[], hostMac: string, mtu: number): IpCommand[] {
  const first = networks[0];
  return [
    { line: `link set dev ${uplink} mtu ${mtu} up` },
    { line: `ntable change name arp_cache dev ${uplink} proxy_delay 0` },
    ...networks.flatMap((n) => [
      // What no pod has is nowhere, instead of going to the host and back until it dies of age.
      { line: `route replace unreachable ${n.subnet}`, tolerate: there },
      { line: `route replace ${n.gateway}/32 dev ${uplink}` },
      { line: `neigh replace ${n.gateway} lladdr ${hostMac} dev ${uplink} nud permanent` },
    ]),
    ...(first ? [{ line: `route replace default via ${first.gateway} dev ${uplink} onlink` }] : []),
  ];
}
