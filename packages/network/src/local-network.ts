import {
  type Clock,
  KeyedLock,
  KraudError,
  type Logger,
  messageOf,
  must,
  newShortId,
  type Random,
  systemClock,
  systemRandom,
} from '@kraud/base';
import { formatIpv4, macOf, parseIpv4, parseMac } from './addresses/ipv4.ts';
import type {
  AdoptReport,
  Attachment,
  HostNetwork,
  NetworkKey,
  NetworkSpec,
  NetworkState,
  Place,
  PlaceRequest,
  PortMapping,
  Reservation,
  ReserveRequest,
  Service,
  Tap,
} from './contract.ts';
import { defaultNetworkLimits, type NetworkLimits } from './defaults.ts';
import { Firewall } from './firewall.ts';
import { ensureForwarding, foreignForwardDrop, uplinkMtu } from './host-facts.ts';
import { Nft } from './kernel/nft.ts';
import { Names } from './names.ts';
import { Networks } from './networks.ts';
import { Parking } from './parking/parking.ts';
import { Places } from './places.ts';
import { PortTable } from './ports/port-table.ts';
import { type GuestSettings, noDns, Reservations } from './reservations.ts';
import { NameService } from './resolver/name-service.ts';
import { PodNames } from './resolver/pod-names.ts';
import { ServiceNames } from './resolver/service-names.ts';
import { Services } from './services/services.ts';
import { type StagedTap, StagedTaps } from './staged-taps.ts';
import { packetsOf, type Vpc } from './vpc.ts';

export interface LocalNetworkOptions {
  /** Tells two daemons on one machine apart; stays the same over restarts. */
  readonly instanceId: string;
  readonly logger: Logger;
  readonly limits?: Partial<NetworkLimits>;
  readonly random?: Random;
  readonly clock?: Clock;
  readonly resolvConfPath?: string;
}

interface Joined {
  readonly attachment: Attachment;
  readonly settings: GuestSettings;
  readonly reservation: Reservation;
  plugged: boolean;
}

/**
 * The network of one host. Invariant: a pod in `#pods` has an address in its network's pool and its ports in the
 * port table; a pod that isn't there has neither. What the kernel holds follows, and is swept by `adopt`.
 */
export class LocalNetwork implements HostNetwork {
  readonly #warnings: readonly string[];
  readonly #limits: NetworkLimits;
  readonly #log: Logger;
  readonly #random: Random;
  readonly #mtu: number;
  readonly #networks: Networks;
  readonly #places: Places;
  readonly #reservations: Reservations;
  readonly #parking: Parking;
  readonly #pods = new Map<string, Joined>();
  readonly #serviceNames = new ServiceNames();
  readonly #names = new PodNames(this.#serviceNames);
  readonly far = this.#names.far;
  readonly #services: Services;
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
    this.#warnings = facts.warnings;
    this.#ports = new PortTable(this.#limits);
    this.#resolver = new NameService(options.resolvConfPath ?? '/etc/resolv.conf', {
      limits: this.#limits,
      logger: this.#log,
      asker: (address) => this.#names.asker(address),
    });
    const rules = () => ({
      table: names.table,
      linkPrefix: names.linkPrefix,
      networks: this.#networks.states(),
      ports: this.#kernelPorts(),
      forwardPorts: facts.forwardPorts,
    });
    const { helperIdleMs: idleMs, commandTimeoutMs: timeoutMs } = this.#limits;
    const repeated = { logger: this.#log, retry: this.#limits };
    const firewall = new Firewall(rules, new Nft({ idleMs, timeoutMs }), repeated);
    this.#firewall = firewall;
    this.#networks = new Networks({
      names,
      limits: this.#limits,
      logger: this.#log,
      mtu: facts.mtu,
      changed: () => firewall.settled(),
      isFar: (address) => this.#names.isFar(formatIpv4(address)),
      gone: (gateway) => this.#resolver.forget(gateway),
    });
    this.#places = new Places(this.#networks);
    this.#reservations = new Reservations({
      ...{ networks: this.#networks, places: this.#places, resolver: this.#resolver, mtu: facts.mtu },
    });
    const clock = options.clock ?? systemClock;
    this.#parking = new Parking({ clock, limits: this.#limits, logger: this.#log });
    this.#services = new Services(this.#serviceNames, this.#networks, repeated);
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

  get warnings(): readonly string[] {
    return [...this.#warnings, ...this.#networks.clashes];
  }

  async ensureNetwork(spec: NetworkSpec): Promise<NetworkState> {
    const isNew = !this.#networks.find(spec);
    const state = await this.#networks.ensure(spec);
    if (isNew) await this.#services.settled();
    return state;
  }

  networks(): NetworkState[] {
    return this.#networks.states();
  }

  chooseSubnet(wanted: string | undefined, taken: readonly string[]): Promise<string> {
    return this.#networks.choose(wanted, taken);
  }

  withhold(key: NetworkKey, addresses: readonly string[]): string[] {
    return this.#networks.withhold(key, addresses);
  }

  async removeNetwork(key: NetworkKey): Promise<void> {
    await this.#networks.remove(key);
    await this.#services.settled();
  }

  serve(services: readonly Service[]): Promise<void> {
    return this.#services.serve(services);
  }

  reserve(request: ReserveRequest): Promise<Reservation> {
    return this.#lock.run(request.podId, async () => {
      const present = this.#pods.get(request.podId);
      if (present) return present.reservation;
      const { podId, podName, tenant, dns } = request;
      const wantedMac = request.mac === undefined ? undefined : parseMac(request.mac);
      const places = this.#places.allocate(tenant, podId, request.networks);
      try {
        const open = must(this.#places.wayOut(tenant, places), 'a pod with an interface is on a network');
        const mac = wantedMac ?? macOf(parseIpv4(places[0]?.ipv4 ?? open.ipv4));
        const nameServers = dns.servers;
        const owner = { podId, podName, address: open.ipv4 };
        const wantsPorts = request.ports.length > 0 && !open.state.internal;
        const ports = wantsPorts ? await this.#ports.bind(owner, request.ports) : [];
        const attachment = { tenant, podId, podName, places, mac, nameServers, ports };
        return await this.#join(attachment, request, false);
      } catch (error) {
        await this.#ports.release(podId);
        this.#places.release(tenant, podId, places);
        throw error;
      }
    });
  }

  rejoin(
    podId: string,
    networks: readonly PlaceRequest[],
    wanted: readonly PortMapping[] = [],
  ): Promise<Reservation> {
    return this.#lock.run(podId, async () => {
      const joined = this.#joined(podId);
      if (this.#parking.tapOf(podId)) throw new KraudError('conflict', `pod ${podId} is parked`);
      const { attachment, settings } = joined;
      const { tenant, mac } = attachment;
      const before = attachment.places;
      const keeps = ({ network }: { network: string }): boolean => before.some((p) => p.network === network);
      const fresh = this.#places.allocate(
        tenant,
        podId,
        networks.filter((network) => !keeps(network)),
      );
      const places = networks.flatMap(({ network, names, links }) => {
        const place = [...before, ...fresh].find((p) => p.network === network);
        return place ? [{ network, ipv4: place.ipv4, names, ...(links ? { links } : {}) }] : [];
      });
      const dropped = before.filter(({ network }) => !places.some((p) => p.network === network));
      const addresses = (list: readonly Place[]): string[] => list.map(({ ipv4 }) => ipv4);
      try {
        if (joined.plugged) {
          const change = { add: addresses(fresh), drop: addresses(dropped), mac };
          await this.#networks.vpc(tenant).readdress(podId, change);
        }
        const ports = await this.#movePorts(joined, places, wanted);
        const reservation = await this.#join({ ...attachment, places, ports }, settings, joined.plugged);
        if (joined.plugged && (ports.length > 0 || attachment.ports.length > 0))
          await this.#firewall.refreshed();
        this.#places.release(tenant, podId, dropped);
        return reservation;
      } catch (error) {
        this.#places.release(tenant, podId, fresh);
        throw error;
      }
    });
  }

  rename(podId: string, podName: string, networks: readonly PlaceRequest[]): Attachment | undefined {
    const joined = this.#pods.get(podId);
    if (!joined) return undefined;
    const places = joined.attachment.places.map((place) => {
      const names = networks.find(({ network }) => network === place.network)?.names;
      return names ? { ...place, names } : place;
    });
    const attachment = { ...joined.attachment, podName, places };
    this.#pods.set(podId, { ...joined, attachment });
    this.#names.put(attachment, (name) => this.#networks.find({ tenant: attachment.tenant, name })?.state);
    return attachment;
  }

  async stage(tenant: string, tap: Tap): Promise<void> {
    const vpc = this.#networks.vpc(tenant);
    const moved = vpc.take(tap, newShortId(this.#random)).then((device) => ({ vpc, device }));
    this.#staged.add(tap, moved);
    await moved;
  }

  plug(podId: string, tap: Tap): Promise<void> {
    return this.#lock.run(podId, async () => {
      const joined = this.#joined(podId);
      const { attachment } = joined;
      const vpc = this.#networks.vpc(attachment.tenant);
      const place = this.#placeOf(attachment);
      const staged = await this.#staged.claim(tap);
      const connect = async (device: string): Promise<void> => {
        await this.#dropTap(podId, vpc);
        await vpc.connect(podId, device, place);
      };
      try {
        await connect(await this.#moveIn(vpc, tap, staged));
      } catch (error) {
        if (!staged) throw error;
        // What was staged was another process's tap, long gone: process ids come again.
        await connect(await this.#moveIn(vpc, tap, undefined));
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
      this.#parking.forget(podId);
      const { attachment } = joined;
      this.#names.remove(podId);
      const vpc = this.#networks.vpcs().find(({ tenant }) => tenant === attachment.tenant);
      const { addresses } = this.#placeOf(attachment);
      try {
        if (attachment.ports.length > 0) {
          await this.#ports.release(podId);
          if (joined.plugged) await this.#firewall.refreshed();
        }
        const device = await vpc?.disconnect(podId, addresses);
        if (vpc && device !== undefined) this.#inBackground(vpc.discard(device));
      } finally {
        // Last, so that nobody gets the address while a packet for it may still find the old tap.
        this.#places.release(attachment.tenant, podId, attachment.places);
      }
    });
  }

  park(podId: string): Promise<void> {
    return this.#lock.run(podId, async () => {
      const joined = this.#joined(podId);
      const vpc = this.#networks.vpc(joined.attachment.tenant);
      const tap = (await vpc.taps()).find((each) => each.podId === podId);
      await this.#park(joined.attachment, vpc, tap?.device);
      const now = this.#joined(podId);
      if (now.plugged) return;
      now.plugged = true;
      if (now.attachment.ports.length > 0) void this.#firewall.refreshed();
    });
  }

  parkedTap(podId: string): { readonly netns: string; readonly name: string } | undefined {
    const tap = this.#parking.tapOf(podId);
    return tap && { netns: `/run/netns/${tap.netns}`, name: tap.device };
  }

  unpark(podId: string, ready?: Promise<void>): Promise<void> {
    ready?.catch(() => {});
    return this.#lock.run(podId, () =>
      this.#parking.unpark(podId, this.#placeOf(this.#joined(podId).attachment), ready),
    );
  }

  onKnock(listener: (podId: string) => void): void {
    this.#parking.listen(listener);
  }

  async traffic(podIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const taps = podIds.flatMap((podId) => this.#tapOf(podId) ?? []);
    return await packetsOf(taps);
  }

  attachments(): Attachment[] {
    return [...this.#pods.values()].map((p) => p.attachment);
  }

  async adopt(
    attachments: readonly Attachment[],
    { parked = new Set() }: { readonly parked?: ReadonlySet<string> } = {},
  ): Promise<AdoptReport> {
    const lost: string[] = [];
    const problems: string[] = [];
    const taps = await this.#networks.taps();
    for (const attachment of attachments) {
      const { podId, podName, tenant, places } = attachment;
      const found = taps.get(podId);
      const tap = found?.vpc.tenant === tenant ? found : undefined;
      const hasVm = tap?.carries === true;
      if ((!hasVm && !parked.has(podId)) || !this.#places.restore(tenant, podId, places)) {
        lost.push(podId);
        continue;
      }
      const vpc = this.#networks.vpc(tenant);
      if (parked.has(podId) || !tap) await this.#park(attachment, vpc, tap?.device);
      else await vpc.connect(podId, tap.device, this.#placeOf(attachment));
      const owner = { podId, podName, address: this.#places.wayOut(tenant, places)?.ipv4 ?? '' };
      problems.push(...(await this.#ports.rebind(owner, attachment.ports)));
      const forgotten = { hostname: '', domainname: '', extraHosts: [], dns: noDns };
      await this.#join(attachment, forgotten, true);
    }
    await this.#firewall.settled();
    const staged = await this.#staged.devices();
    await this.#networks.sweep((device, podId) =>
      podId === undefined ? staged.has(device) : this.#tapOf(podId)?.device === device,
    );
    await this.#services.begin();
    await this.#parking.ask();
    return { lost, problems };
  }

  async close(options: { readonly remove?: boolean } = {}): Promise<void> {
    await Promise.all(this.#background);
    this.#parking.close();
    this.#services.close();
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

  #joined(podId: string): Joined {
    const joined = this.#pods.get(podId);
    if (!joined) throw new KraudError('not-found', `pod ${podId} has no place on the network`);
    return joined;
  }

  #tapOf(podId: string): { readonly podId: string; readonly vpc: Vpc; readonly device: string } | undefined {
    const joined = this.#pods.get(podId);
    const vpc = joined && this.#networks.vpc(joined.attachment.tenant);
    const device = vpc?.tapOf(podId);
    return vpc && device !== undefined ? { podId, vpc, device } : undefined;
  }

  async #park(attachment: Attachment, vpc: Vpc, tap: string | undefined): Promise<void> {
    const device = tap ?? (await vpc.parking.makeTap(newShortId(this.#random)));
    await this.#parking.park(attachment.podId, vpc, device, this.#placeOf(attachment));
  }

  /** One that the pod still has when it gets another. */
  async #dropTap(podId: string, vpc: Vpc): Promise<void> {
    this.#parking.forget(podId);
    const device = vpc.tapOf(podId);
    if (device === undefined) return;
    await vpc.disown(podId, device);
    this.#inBackground(vpc.discard(device));
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

  /** To where the pod is reached now; one that can't be reached any more has none. */
  async #movePorts(
    { attachment }: Joined,
    places: readonly Place[],
    wanted: readonly PortMapping[],
  ): Promise<Attachment['ports']> {
    const { tenant, podId, podName, ports } = attachment;
    const to = this.#places.wayOut(tenant, places);
    if (to?.ipv4 === this.#places.wayOut(tenant, attachment.places)?.ipv4) return ports;
    const owner = to && !to.state.internal ? { podId, podName, address: to.ipv4 } : undefined;
    await this.#ports.release(podId);
    const bound = ports.length > 0 ? ports : wanted;
    if (!owner || bound.length === 0) return [];
    try {
      // Those that it had keep their numbers; others are chosen now.
      if (ports.length === 0) return await this.#ports.bind(owner, wanted);
      const problems = await this.#ports.rebind(owner, ports);
      if (problems.length > 0) this.#log.warn({ podId, problems }, 'published ports were lost');
      return ports;
    } catch (error) {
      this.#log.warn({ podId, error: messageOf(error) }, 'published ports were lost');
      return [];
    }
  }

  /** Notes where the pod is, and what its guest is told. */
  async #join(attachment: Attachment, settings: GuestSettings, plugged: boolean): Promise<Reservation> {
    const { tenant, podId } = attachment;
    const reservation = await this.#reservations.of(attachment, settings);
    this.#pods.set(podId, { attachment, reservation, settings, plugged });
    this.#names.put(attachment, (name) => this.#networks.find({ tenant, name })?.state);
    return reservation;
  }

  #placeOf({ places, mac }: Attachment): { addresses: string[]; mac: string; mtu: number } {
    return { addresses: places.map(({ ipv4 }) => ipv4), mac, mtu: this.#mtu };
  }

  #inBackground(work: Promise<void>): void {
    const done: Promise<void> = work
      .catch((error: unknown) => this.#log.warn({ error: messageOf(error) }, 'a tap could not be deleted'))
      .finally(() => this.#background.delete(done));
    this.#background.add(done);
  }
}
