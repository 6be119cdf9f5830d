import { readdirSync } from 'node:fs';
import { codeOf, isErrno, KeyedLock, KraudError, type Logger, messageOf } from '@kraud/base';
import { formatIpv4, type Ipv4, parseIpv4, Subnet } from './addresses/ipv4.ts';
import { AddressPool } from './addresses/pool.ts';
import type { NetworkKey, NetworkSpec, NetworkState } from './contract.ts';
import type { NetworkLimits } from './defaults.ts';
import { freeSubnet, hostResolvConf, takenRoutes } from './host-facts.ts';
import { links, routes } from './kernel/facts.ts';
import type { Names } from './names.ts';
import { removeVpc, Vpc } from './vpc.ts';

export interface LiveNetwork {
  readonly state: NetworkState;
  readonly pool: AddressPool;
}

export interface NetworksOptions {
  readonly names: Names;
  readonly limits: NetworkLimits;
  readonly logger: Logger;
  readonly mtu: number;
  /** Brings the host's firewall in line; called after every change. */
  readonly changed: () => Promise<void>;
  /** A pod of another host has this address. */
  readonly isFar: (address: Ipv4) => boolean;
  /** Nobody is at this gateway any more. */
  readonly gone: (gateway: string) => Promise<void>;
}

/**
 * The networks of this host and the VPCs that hold them. Invariant: a tenant has a VPC exactly while it has a
 * network, and no two networks overlap each other or another way out of the host.
 */
export class Networks {
  readonly #options: NetworksOptions;
  readonly #networks = new Map<string, LiveNetwork>();
  readonly #vpcs = new Map<string, Vpc>();
  /** Networks that could not be made real, by key, and why not. */
  readonly #clashes = new Map<string, string>();
  /** By key: what pods of other hosts have asked for by number. */
  readonly #withheld = new Map<string, ReadonlySet<Ipv4>>();
  readonly #lock = new KeyedLock();

  constructor(options: NetworksOptions) {
    this.#options = options;
  }

  states(): NetworkState[] {
    return [...this.#networks.values()].map((n) => n.state);
  }

  /** What is wrong with networks that were asked for and aren't there, in words. */
  get clashes(): string[] {
    return [...this.#clashes.values()];
  }

  find(key: NetworkKey): LiveNetwork | undefined {
    return this.#networks.get(keyOf(key));
  }

  get(key: NetworkKey): LiveNetwork {
    const network = this.find(key);
    if (!network) throw new KraudError('not-found', `network ${key.name} not found`);
    return network;
  }

  withhold(key: NetworkKey, addresses: readonly string[]): string[] {
    if (addresses.length === 0) this.#withheld.delete(keyOf(key));
    else this.#withheld.set(keyOf(key), new Set(addresses.map(parseIpv4)));
    return addresses.filter((address) => this.find(key)?.pool.ownerOf(parseIpv4(address)) !== undefined);
  }

  /** A pod of another host has this address, or has asked for it. */
  isElsewhere(key: NetworkKey, address: Ipv4): boolean {
    return this.#options.isFar(address) || this.#withheld.get(keyOf(key))?.has(address) === true;
  }

  vpcs(): Vpc[] {
    return [...this.#vpcs.values()];
  }

  vpc(tenant: string): Vpc {
    const vpc = this.#vpcs.get(tenant);
    if (!vpc) throw new KraudError('not-found', 'the tenant has no network on this host');
    return vpc;
  }

  ensure(spec: NetworkSpec): Promise<NetworkState> {
    return this.#lock.run('', async () => {
      const key = keyOf(spec);
      const present = this.#networks.get(key);
      if (present) {
        setUp(present.pool, spec);
        return unchanged(present.state, spec);
      }
      const state = await this.#stateOf(spec).catch((error: unknown) => {
        if (codeOf(error) === 'conflict') this.#clashes.set(key, messageOf(error));
        throw error;
      });
      this.#clashes.delete(key);
      const pool = new AddressPool(Subnet.parse(state.subnet), parseIpv4(state.gateway), (address) =>
        this.isElsewhere(state, address),
      );
      setUp(pool, spec);
      this.#networks.set(key, { state, pool });
      try {
        await this.#realize(spec.tenant);
      } catch (error) {
        this.#networks.delete(key);
        throw error;
      }
      this.#options.logger.info({ ...state }, 'network is ready');
      return state;
    });
  }

  remove(key: NetworkKey): Promise<void> {
    return this.#lock.run('', async () => {
      this.#clashes.delete(keyOf(key));
      const network = this.#networks.get(keyOf(key));
      if (!network) return;
      if (network.pool.size > 0) {
        throw new KraudError('conflict', `network ${key.name} has active endpoints`);
      }
      this.#networks.delete(keyOf(key));
      await this.#options.gone(network.state.gateway);
      const vpc = this.#vpcs.get(key.tenant);
      if (this.#networksOf(key.tenant).length > 0) await vpc?.drop(network.state);
      else {
        this.#vpcs.delete(key.tenant);
        await vpc?.remove();
      }
      await this.#realize(key.tenant);
    });
  }

  /** Taps that belong to pods, by pod. */
  async taps(): Promise<Map<string, { vpc: Vpc; device: string; carries: boolean }>> {
    const found = new Map<string, { vpc: Vpc; device: string; carries: boolean }>();
    for (const vpc of this.#vpcs.values()) {
      for (const { device, podId, carries } of await vpc.taps()) {
        if (podId !== undefined) found.set(podId, { vpc, device, carries });
      }
    }
    return found;
  }

  /** Deletes taps that nobody knows, and VPCs of tenants that have no network here. */
  async sweep(isKnown: (device: string, podId: string | undefined) => boolean): Promise<void> {
    const { netnsPrefix, linkPrefix } = this.#options.names;
    for (const vpc of this.vpcs()) {
      for (const { device, podId } of await vpc.taps()) {
        if (!isKnown(device, podId)) await vpc.discard(device);
      }
    }
    const known = new Map(this.vpcs().map((v) => [v.netns, v.hostLink]));
    for (const netns of netnsNames()) {
      if (!netns.startsWith(netnsPrefix) || known.has(netns)) continue;
      await removeVpc(netns, linkPrefix + netns.slice(netnsPrefix.length));
    }
    const wanted = new Set(known.values());
    for (const { name } of await links('host')) {
      if (!name.startsWith(linkPrefix) || wanted.has(name)) continue;
      await removeVpc(netnsPrefix + name.slice(linkPrefix.length), name);
    }
  }

  close(): void {
    for (const vpc of this.vpcs()) vpc.close();
  }

  /** Everything, whatever is on it. */
  async removeAll(): Promise<void> {
    for (const vpc of this.vpcs()) await vpc.remove();
    this.#vpcs.clear();
    await this.sweep(() => false);
  }

  #networksOf(tenant: string): NetworkState[] {
    return this.states().filter((s) => s.tenant === tenant);
  }

  async choose(wanted: string | undefined, inUse: readonly string[]): Promise<string> {
    const taken = await this.#taken(inUse);
    if (wanted !== undefined) {
      if (overlapping(wanted, taken)) throw poolOverlaps();
      return wanted;
    }
    const servers = hostResolvConf().servers.filter((s) => /^[\d.]+$/.test(s));
    const avoid = [...taken.map(({ subnet }) => subnet), ...servers.map((s) => Subnet.parse(`${s}/32`))];
    const free = freeSubnet(this.#options.limits.subnetPool, avoid);
    if (!free) throw new KraudError('exhausted', 'all predefined address pools have been fully subnetted');
    return free.toString();
  }

  async #stateOf(spec: NetworkSpec): Promise<NetworkState> {
    const ours = this.states().map((state) => state.subnet);
    const { tenant, name, internal = false, names = false } = spec;
    const clash = spec.subnet === undefined ? undefined : overlapping(spec.subnet, await this.#taken(ours));
    if (clash) {
      throw new KraudError(
        'conflict',
        `network ${name} can't be used on this host: its subnet ${spec.subnet} overlaps with ${clash.words}`,
      );
    }
    const subnet = spec.subnet ?? (await this.choose(undefined, ours));
    const gateway = spec.gateway ?? formatIpv4(Subnet.parse(subnet).first + 1);
    return { tenant, name, subnet, gateway, internal, names };
  }

  /** What leads into one of our own VPCs is known from `inUse`, or about to go. */
  async #taken(inUse: readonly string[]): Promise<Taken[]> {
    const foreign = (await routes('host')).filter(
      ({ device }) => !device.startsWith(this.#options.names.linkPrefix),
    );
    return [
      ...takenRoutes(foreign).map(({ destination, device }) => ({
        subnet: destination,
        words: `${destination}, which ${device === '' ? 'the host has a route for' : `is behind ${device}`}`,
      })),
      ...inUse.map((text) => ({ subnet: Subnet.parse(text), words: `${text} of another network` })),
    ];
  }

  /** Brings a tenant's VPC and the host's firewall in line with `#networks`. */
  async #realize(tenant: string): Promise<void> {
    const networks = this.#networksOf(tenant);
    if (networks.length > 0) {
      const vpc = this.#vpcs.get(tenant) ?? new Vpc(tenant, this.#options);
      this.#vpcs.set(tenant, vpc);
      const ruled = networks.map((state) => ({ ...state, ours: this.find(state)?.pool.ours }));
      await vpc.ensure(ruled, this.#options.mtu);
    }
    await this.#options.changed();
  }
}

interface Taken {
  readonly subnet: Subnet;
  readonly words: string;
}

const overlapping = (subnet: string, taken: readonly Taken[]): Taken | undefined =>
  taken.find((other) => other.subnet.overlaps(Subnet.parse(subnet)));

function keyOf(key: NetworkKey): string {
  return JSON.stringify([key.tenant, key.name]);
}

const poolOverlaps = (): KraudError =>
  new KraudError('conflict', 'Pool overlaps with other one on this address space');

function setUp(pool: AddressPool, { ranges = [], reserved = [] }: NetworkSpec): void {
  pool.giveFrom(ranges.map((range) => Subnet.parse(range)));
  pool.reserve(reserved.map(parseIpv4));
}

function unchanged(state: NetworkState, spec: NetworkSpec): NetworkState {
  const same =
    (spec.subnet === undefined || spec.subnet === state.subnet) &&
    (spec.gateway === undefined || spec.gateway === state.gateway) &&
    (spec.internal ?? false) === state.internal &&
    (spec.names ?? false) === state.names;
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
