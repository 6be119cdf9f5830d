import { readdirSync } from 'node:fs';
import {
  isErrno,
  KeyedLock,
  KraudError,
  type Logger,
  messageOf,
  newShortId,
  type Random,
  systemRandom,
} from '@kraud/base';
import { formatIpv4, macOf, parseIpv4, parseMac, Subnet } from './addresses/ipv4.ts';
import { AddressPool } from './addresses/pool.ts';
import type {
  AdoptReport,
  Attachment,
  HostNetwork,
  NetworkKey,
  NetworkSpec,
  NetworkState,
  Reservation,
  ReserveRequest,
  Tap,
} from './contract.ts';
import { defaultNetworkLimits, type NetworkLimits } from './defaults.ts';
import { Firewall } from './firewall.ts';
import { guestNetwork } from './guest.ts';
import {
  ensureForwarding,
  foreignForwardDrop,
  freeSubnet,
  hostResolvConf,
  takenSubnets,
  uplinkMtu,
} from './host-facts.ts';
import { links, routes } from './kernel/facts.ts';
import { Nft } from './kernel/nft.ts';
import { Names } from './names.ts';
import { PortTable } from './ports/port-table.ts';
import { NameService } from './resolver/name-service.ts';
import { type StagedTap, StagedTaps } from './staged-taps.ts';
import { removeVpc, Vpc } from './vpc.ts';

export interface LocalNetworkOptions {
  /** Tells two daemons on one machine apart; stays the same over restarts. */
  readonly instanceId: string;
  readonly logger: Logger;
  readonly limits?: Partial<NetworkLimits>;
  readonly random?: Random;
  readonly resolvConfPath?: string;
}

interface Joined {
  readonly attachment: Attachment;
  readonly reservation: Reservation;
  plugged: boolean;
}

/**
 * The network of one host. Invariant: a pod in `#pods` has an address in its network's pool and its ports in the
 * port table; a pod that isn't there has neither. What the kernel holds follows, and is swept by `adopt`.
 */
export class LocalNetwork implements HostNetwork {
  readonly warnings: readonly string[];
  readonly #names: Names;
  readonly #limits: NetworkLimits;
  readonly #log: Logger;
  readonly #random: Random;
  readonly #mtu: number;
  readonly #networks = new Map<string, { state: NetworkState; pool: AddressPool }>();
  readonly #vpcs = new Map<string, Vpc>();
  readonly #pods = new Map<string, Joined>();
  readonly #staged = new StagedTaps();
  readonly #lock = new KeyedLock();
  readonly #ports: PortTable;
  readonly #firewall: Firewall;
  readonly #resolver: NameService;
  readonly #background = new Set<Promise<void>>();

  private constructor(
    options: LocalNetworkOptions,
    facts: { mtu: number; warnings: string[]; forwardPorts: boolean },
  ) {
    this.#names = new Names(options.instanceId);
    this.#limits = { ...defaultNetworkLimits, ...options.limits };
    this.#log = options.logger.child({ part: 'network' });
    this.#random = options.random ?? systemRandom;
    this.#mtu = facts.mtu;
    this.warnings = facts.warnings;
    this.#ports = new PortTable(this.#limits);
    this.#resolver = new NameService(options.resolvConfPath ?? '/etc/resolv.conf', this.#limits, this.#log);
    const rules = () => ({
      table: this.#names.table,
      linkPrefix: this.#names.linkPrefix,
      networks: [...this.#networks.values()].map((n) => n.state),
      ports: this.#kernelPorts(),
      forwardPorts: facts.forwardPorts,
    });
    const { helperIdleMs: idleMs, commandTimeoutMs: timeoutMs } = this.#limits;
    this.#firewall = new Firewall(rules, new Nft({ idleMs, timeoutMs }), this.#log);
  }

  /** Looks at the host and switches forwarding on. Networks and pods come with the calls that follow. */
  static async open(options: LocalNetworkOptions): Promise<LocalNetwork> {
    const limits = { ...defaultNetworkLimits, ...options.limits };
    const warnings = ensureForwarding(options.logger);
    const { table, linkPrefix: prefix } = new Names(options.instanceId);
    const [mtu, dropped] = await Promise.all([uplinkMtu(limits.mtuMax), foreignForwardDrop(table)]);
    if (dropped) {
      warnings.push(
        `another firewall drops forwarded packets: containers can't reach the outside until it lets them (for dockerd: iptables -I DOCKER-USER -i ${prefix}+ -j ACCEPT; iptables -I DOCKER-USER -o ${prefix}+ -j ACCEPT); published ports are served in user space`,
      );
    }
    return new LocalNetwork(options, { mtu, warnings, forwardPorts: !dropped });
  }

  ensureNetwork(spec: NetworkSpec): Promise<NetworkState> {
    return this.#lock.run('networks', async () => {
      const key = keyOf(spec);
      const present = this.#networks.get(key);
      if (present) return unchanged(present.state, spec);
      const state = await this.#choose(spec);
      const pool = new AddressPool(Subnet.parse(state.subnet), parseIpv4(state.gateway));
      this.#networks.set(key, { state, pool });
      try {
        await this.#realize(spec.tenant);
      } catch (error) {
        this.#networks.delete(key);
        throw error;
      }
      this.#log.info({ ...state }, 'network is ready');
      return state;
    });
  }

  removeNetwork(key: NetworkKey): Promise<void> {
    return this.#lock.run('networks', async () => {
      const network = this.#networks.get(keyOf(key));
      if (!network) return;
      if (network.pool.size > 0) {
        throw new KraudError('conflict', `network ${key.name} has active endpoints`);
      }
      this.#networks.delete(keyOf(key));
      await this.#resolver.forget(network.state.gateway);
      const vpc = this.#vpcs.get(key.tenant);
      if (this.#networksOf(key.tenant).length > 0) await vpc?.drop(network.state);
      else {
        this.#vpcs.delete(key.tenant);
        await vpc?.remove();
      }
      await this.#realize(key.tenant);
    });
  }

  reserve(request: ReserveRequest): Promise<Reservation> {
    return this.#lock.run(request.podId, async () => {
      const present = this.#pods.get(request.podId);
      if (present) return present.reservation;
      const network = this.#network(request);
      const mac = request.mac === undefined ? undefined : parseMac(request.mac);
      const wanted = request.ipv4 === undefined ? undefined : parseIpv4(request.ipv4);
      const address = network.pool.allocate(request.podId, wanted);
      try {
        const ipv4 = formatIpv4(address);
        const owner = { podId: request.podId, podName: request.podName, address: ipv4 };
        const host = await this.#resolver.forPods(network.state.gateway, request.dns.servers.length === 0);
        const ports = request.ports.length === 0 ? [] : await this.#ports.bind(owner, request.ports);
        const { podId, podName, tenant, name } = request;
        const attachment = { podId, podName, tenant, name, ipv4, mac: mac ?? macOf(address), ports };
        const place = {
          prefix: network.pool.subnet.prefix,
          gateway: network.state.gateway,
        };
        const guest = guestNetwork(request, { ...place, ipv4, mac: attachment.mac, mtu: this.#mtu, host });
        const reservation = { attachment, ...place, guest };
        this.#pods.set(podId, { attachment, reservation, plugged: false });
        return reservation;
      } catch (error) {
        network.pool.release(request.podId);
        throw error;
      }
    });
  }

  async stage(tenant: string, tap: Tap): Promise<void> {
    const vpc = this.#vpc(tenant);
    const moved = vpc.take(tap, newShortId(this.#random)).then((device) => ({ vpc, device }));
    this.#staged.add(tap, moved);
    await moved;
  }

  plug(podId: string, tap: Tap): Promise<void> {
    return this.#lock.run(podId, async () => {
      const joined = this.#pods.get(podId);
      if (!joined) throw new KraudError('not-found', `pod ${podId} has no place on the network`);
      const { attachment } = joined;
      const vpc = this.#vpc(attachment.tenant);
      const place = { ...attachment, mtu: this.#mtu };
      const staged = await this.#staged.claim(tap);
      try {
        await vpc.connect(podId, await this.#moveIn(vpc, tap, staged), place);
      } catch (error) {
        if (!staged) throw error;
        // What was staged was another process's tap, long gone: process ids come again.
        await vpc.connect(podId, await this.#moveIn(vpc, tap, undefined), place);
      }
      joined.plugged = true;
      if (attachment.ports.length > 0) void this.#firewall.refreshed();
    });
  }

  async attach(request: ReserveRequest & { readonly tap: Tap }): Promise<Reservation> {
    const reservation = await this.reserve(request);
    try {
      await this.plug(request.podId, request.tap);
    } catch (error) {
      await this.detach(request.podId);
      throw error;
    }
    return reservation;
  }

  detach(podId: string): Promise<void> {
    return this.#lock.run(podId, async () => {
      const joined = this.#pods.get(podId);
      if (!joined) return;
      this.#pods.delete(podId);
      const { attachment } = joined;
      const vpc = this.#vpcs.get(attachment.tenant);
      try {
        if (attachment.ports.length > 0) {
          await this.#ports.release(podId);
          if (joined.plugged) await this.#firewall.refreshed();
        }
        const device = await vpc?.disconnect(podId, attachment.ipv4);
        if (vpc && device !== undefined) this.#inBackground(vpc.discard(device));
      } finally {
        // Last, so that nobody gets the address while a packet for it may still find the old tap.
        this.#networks.get(keyOf(attachment))?.pool.release(podId);
      }
    });
  }

  attachments(): Attachment[] {
    return [...this.#pods.values()].map((p) => p.attachment);
  }

  async adopt(attachments: readonly Attachment[]): Promise<AdoptReport> {
    const lost: string[] = [];
    const problems: string[] = [];
    const taps = await this.#allTaps();
    for (const attachment of attachments) {
      const { podId, tenant, ipv4 } = attachment;
      const tap = taps.get(podId);
      const network = this.#networks.get(keyOf(attachment));
      if (!network || tap?.vpc.tenant !== tenant) {
        lost.push(podId);
        continue;
      }
      network.pool.restore([[podId, parseIpv4(ipv4)]]);
      tap.vpc.remember(podId, tap.device);
      await tap.vpc.connect(podId, tap.device, { ...attachment, mtu: this.#mtu });
      const owner = { podId, podName: attachment.podName, address: ipv4 };
      problems.push(...(await this.#ports.rebind(owner, attachment.ports)));
      this.#pods.set(podId, this.#adopted(attachment, network.pool, network.state));
    }
    await this.#firewall.settled();
    await this.#sweep();
    return { lost, problems };
  }

  async close(options: { readonly remove?: boolean } = {}): Promise<void> {
    await Promise.all(this.#background);
    await this.#ports.close();
    await this.#resolver.close();
    for (const vpc of this.#vpcs.values()) {
      if (options.remove) await vpc.remove();
      else vpc.close();
    }
    if (options.remove) {
      this.#vpcs.clear();
      await this.#sweep();
      await this.#firewall.remove();
    }
    await this.#firewall.close();
  }

  /** Resolves once the kernel has all rules that follow from the calls made so far. */
  async settled(): Promise<void> {
    await this.#firewall.settled();
    await Promise.all(this.#background);
  }

  #networksOf(tenant: string): NetworkState[] {
    return [...this.#networks.values()].map((n) => n.state).filter((s) => s.tenant === tenant);
  }

  #network(key: NetworkKey): { state: NetworkState; pool: AddressPool } {
    const network = this.#networks.get(keyOf(key));
    if (!network) throw new KraudError('not-found', `network ${key.name} not found`);
    return network;
  }

  #vpc(tenant: string): Vpc {
    const vpc = this.#vpcs.get(tenant);
    if (!vpc) throw new KraudError('not-found', 'the tenant has no network on this host');
    return vpc;
  }

  async #moveIn(vpc: Vpc, tap: Tap, staged: StagedTap | undefined): Promise<string> {
    if (!staged) return await vpc.take(tap, newShortId(this.#random));
    return staged.vpc === vpc ? staged.device : await vpc.takeFrom(staged.vpc, staged.device);
  }

  async #choose(spec: NetworkSpec): Promise<NetworkState> {
    const ours = [...this.#networks.values()].map((n) => n.pool.subnet);
    const taken = [...takenSubnets(await routes('host'), this.#names.link(spec.tenant)), ...ours];
    const servers = hostResolvConf().servers.filter((s) => /^[\d.]+$/.test(s));
    const avoid = [...taken, ...servers.map((s) => Subnet.parse(`${s}/32`))];
    const subnet =
      spec.subnet === undefined ? freeSubnet(this.#limits.subnetPool, avoid) : Subnet.parse(spec.subnet);
    if (!subnet) throw new KraudError('exhausted', 'all predefined address pools have been fully subnetted');
    if (taken.some((t) => t.overlaps(subnet))) {
      throw new KraudError('conflict', 'Pool overlaps with other one on this address space');
    }
    const gateway = spec.gateway ?? formatIpv4(subnet.first + 1);
    const { tenant, name } = spec;
    return { tenant, name, subnet: subnet.toString(), gateway, internal: spec.internal ?? false };
  }

  /** Brings a tenant's VPC and the host's firewall in line with `#networks`. */
  async #realize(tenant: string): Promise<void> {
    const networks = this.#networksOf(tenant);
    if (networks.length > 0) {
      const options = { names: this.#names, limits: this.#limits, logger: this.#log };
      const vpc = this.#vpcs.get(tenant) ?? new Vpc(tenant, options);
      this.#vpcs.set(tenant, vpc);
      await vpc.ensure(networks, this.#mtu);
    }
    await this.#firewall.settled();
  }

  #kernelPorts(): { mapping: Attachment['ports'][number]; podAddress: string }[] {
    return this.#ports
      .all()
      .filter(({ owner, mapping }) => !mapping.hostIp.includes(':') && this.#pods.get(owner.podId)?.plugged)
      .map(({ owner, mapping }) => ({ mapping, podAddress: owner.address }));
  }

  async #allTaps(): Promise<Map<string, { vpc: Vpc; device: string }>> {
    const found = new Map<string, { vpc: Vpc; device: string }>();
    for (const vpc of this.#vpcs.values()) {
      for (const { device, podId } of await vpc.taps()) {
        if (podId !== undefined) found.set(podId, { vpc, device });
      }
    }
    return found;
  }

  #adopted(attachment: Attachment, pool: AddressPool, state: NetworkState): Joined {
    const place = { prefix: pool.subnet.prefix, gateway: state.gateway };
    const { podId, podName, tenant, name, ipv4, mac, ports } = attachment;
    const dns = { servers: [], search: [], options: [] };
    const request = {
      podId,
      podName,
      tenant,
      name,
      hostname: '',
      domainname: '',
      ports,
      dns,
      extraHosts: [],
    };
    const host = { servers: [], search: [], options: [] };
    const guest = guestNetwork(request, { ...place, ipv4, mac, mtu: this.#mtu, host });
    return { attachment, reservation: { attachment, ...place, guest }, plugged: true };
  }

  /** Deletes taps of pods we don't know, and VPCs of tenants that have no network here. */
  async #sweep(): Promise<void> {
    const staged = await this.#staged.devices();
    for (const vpc of this.#vpcs.values()) {
      for (const { device, podId } of await vpc.taps()) {
        const known = podId === undefined ? staged.has(device) : this.#pods.has(podId);
        if (!known) await vpc.discard(device);
      }
    }
    const known = new Map([...this.#vpcs.values()].map((v) => [v.netns, v.hostLink]));
    for (const netns of netnsNames()) {
      if (!netns.startsWith(this.#names.netnsPrefix) || known.has(netns)) continue;
      await removeVpc(netns, this.#names.linkPrefix + netns.slice(this.#names.netnsPrefix.length));
    }
    const wanted = new Set(known.values());
    for (const { name } of await links('host')) {
      if (!name.startsWith(this.#names.linkPrefix) || wanted.has(name)) continue;
      await removeVpc(this.#names.netnsPrefix + name.slice(this.#names.linkPrefix.length), name);
    }
  }

  #inBackground(work: Promise<void>): void {
    const done: Promise<void> = work
      .catch((error: unknown) => this.#log.warn({ error: messageOf(error) }, 'a tap could not be deleted'))
      .finally(() => this.#background.delete(done));
    this.#background.add(done);
  }
}

function keyOf(key: NetworkKey): string {
  return JSON.stringify([key.tenant, key.name]);
}

function unchanged(state: NetworkState, spec: NetworkSpec): NetworkState {
  const same =
    (spec.subnet === undefined || spec.subnet === state.subnet) &&
    (spec.gateway === undefined || spec.gateway === state.gateway) &&
    (spec.internal ?? false) === state.internal;
  if (!same) throw new KraudError('conflict', `network ${spec.name} exists with other settings`);
  return state;
}

function netnsNames(): string[] {
  try {
    return readdirSync('/run/netns');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
