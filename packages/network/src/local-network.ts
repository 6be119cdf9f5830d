import {
  KeyedLock,
  KraudError,
  type Logger,
  messageOf,
  newShortId,
  type Random,
  systemRandom,
} from '@kraud/base';
import { formatIpv4, macOf, parseIpv4, parseMac } from './addresses/ipv4.ts';
import type { AddressPool } from './addresses/pool.ts';
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
import { ensureForwarding, foreignForwardDrop, uplinkMtu } from './host-facts.ts';
import { Nft } from './kernel/nft.ts';
import { Names } from './names.ts';
import { Networks } from './networks.ts';
import { PortTable } from './ports/port-table.ts';
import { NameService } from './resolver/name-service.ts';
import { type StagedTap, StagedTaps } from './staged-taps.ts';
import type { Vpc } from './vpc.ts';

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
  readonly #limits: NetworkLimits;
  readonly #log: Logger;
  readonly #random: Random;
  readonly #mtu: number;
  readonly #networks: Networks;
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
    const names = new Names(options.instanceId);
    this.#limits = { ...defaultNetworkLimits, ...options.limits };
    this.#log = options.logger.child({ part: 'network' });
    this.#random = options.random ?? systemRandom;
    this.#mtu = facts.mtu;
    this.warnings = facts.warnings;
    this.#ports = new PortTable(this.#limits);
    this.#resolver = new NameService(options.resolvConfPath ?? '/etc/resolv.conf', this.#limits, this.#log);
    const rules = () => ({
      table: names.table,
      linkPrefix: names.linkPrefix,
      networks: this.#networks.states(),
      ports: this.#kernelPorts(),
      forwardPorts: facts.forwardPorts,
    });
    const { helperIdleMs: idleMs, commandTimeoutMs: timeoutMs } = this.#limits;
    const firewall = new Firewall(rules, new Nft({ idleMs, timeoutMs }), this.#log);
    this.#firewall = firewall;
    this.#networks = new Networks({
      names,
      limits: this.#limits,
      logger: this.#log,
      mtu: facts.mtu,
      changed: () => firewall.settled(),
      gone: (gateway) => this.#resolver.forget(gateway),
    });
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
    return this.#networks.ensure(spec);
  }

  removeNetwork(key: NetworkKey): Promise<void> {
    return this.#networks.remove(key);
  }

  reserve(request: ReserveRequest): Promise<Reservation> {
    return this.#lock.run(request.podId, async () => {
      const present = this.#pods.get(request.podId);
      if (present) return present.reservation;
      const network = this.#networks.get(request);
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
    const vpc = this.#networks.vpc(tenant);
    const moved = vpc.take(tap, newShortId(this.#random)).then((device) => ({ vpc, device }));
    this.#staged.add(tap, moved);
    await moved;
  }

  plug(podId: string, tap: Tap): Promise<void> {
    return this.#lock.run(podId, async () => {
      const joined = this.#pods.get(podId);
      if (!joined) throw new KraudError('not-found', `pod ${podId} has no place on the network`);
      const { attachment } = joined;
      const vpc = this.#networks.vpc(attachment.tenant);
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
      const vpc = this.#networks.find(attachment) && this.#networks.vpc(attachment.tenant);
      try {
        if (attachment.ports.length > 0) {
          await this.#ports.release(podId);
          if (joined.plugged) await this.#firewall.refreshed();
        }
        const device = await vpc?.disconnect(podId, attachment.ipv4);
        if (vpc && device !== undefined) this.#inBackground(vpc.discard(device));
      } finally {
        // Last, so that nobody gets the address while a packet for it may still find the old tap.
        this.#networks.find(attachment)?.pool.release(podId);
      }
    });
  }

  attachments(): Attachment[] {
    return [...this.#pods.values()].map((p) => p.attachment);
  }

  async adopt(attachments: readonly Attachment[]): Promise<AdoptReport> {
    const lost: string[] = [];
    const problems: string[] = [];
    const taps = await this.#networks.taps();
    for (const attachment of attachments) {
      const { podId, tenant, ipv4 } = attachment;
      const tap = taps.get(podId);
      const network = this.#networks.find(attachment);
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
    const staged = await this.#staged.devices();
    await this.#networks.sweep((device, podId) =>
      podId === undefined ? staged.has(device) : this.#pods.has(podId),
    );
    return { lost, problems };
  }

  async close(options: { readonly remove?: boolean } = {}): Promise<void> {
    await Promise.all(this.#background);
    await this.#ports.close();
    await this.#resolver.close();
    if (options.remove) {
      await this.#networks.removeAll();
      await this.#firewall.remove();
    } else this.#networks.close();
    await this.#firewall.close();
  }

  /** Resolves once the kernel has all rules that follow from the calls made so far. */
  async settled(): Promise<void> {
    await this.#firewall.settled();
    await Promise.all(this.#background);
  }

  async #moveIn(vpc: Vpc, tap: Tap, staged: StagedTap | undefined): Promise<string> {
    if (!staged) return await vpc.take(tap, newShortId(this.#random));
    return staged.vpc === vpc ? staged.device : await vpc.takeFrom(staged.vpc, staged.device);
  }

  #kernelPorts(): { mapping: Attachment['ports'][number]; podAddress: string }[] {
    return this.#ports
      .all()
      .filter(({ owner, mapping }) => !mapping.hostIp.includes(':') && this.#pods.get(owner.podId)?.plugged)
      .map(({ owner, mapping }) => ({ mapping, podAddress: owner.address }));
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

  #inBackground(work: Promise<void>): void {
    const done: Promise<void> = work
      .catch((error: unknown) => this.#log.warn({ error: messageOf(error) }, 'a tap could not be deleted'))
      .finally(() => this.#background.delete(done));
    this.#background.add(done);
  }
}
