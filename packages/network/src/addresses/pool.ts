import { KraudError } from '@kraud/base';
import { formatIpv4, type Ipv4, type Subnet } from './ipv4.ts';

/**
 * Hands out the addresses of one subnet. Knows nothing of kernels or disks: who called `allocate` writes it down,
 * and after a restart gives it back with `restore`.
 *
 * Holds at all times: an owner has at most one address; an address has at most one owner; the network address, the
 * broadcast address, the gateway and what is reserved are never given. The lowest free address comes first, as with Docker.
 */
export class AddressPool {
  readonly subnet: Subnet;
  readonly gateway: Ipv4;
  readonly #owners = new Map<Ipv4, string>();
  readonly #addresses = new Map<string, Ipv4>();
  /** Given to nobody. */
  #reserved: ReadonlySet<Ipv4> = new Set();
  /** In use outside this pool's reach: never chosen. */
  readonly #isElsewhere: (address: Ipv4) => boolean;
  /** No address below it is free. */
  #lowest: Ipv4;
  /** Blocks that addresses are chosen from; empty: the whole subnet. */
  #ranges: readonly Subnet[] = [];

  /** `invalid` when the gateway is outside, or the subnet too small for a gateway and one pod. */
  constructor(
    subnet: Subnet,
    gateway: Ipv4 = subnet.first + 1,
    isElsewhere: (address: Ipv4) => boolean = () => false,
  ) {
    if (subnet.prefix > 30 || subnet.prefix < 8) {
      throw new KraudError('invalid', `invalid subnet '${subnet}': the prefix must be from 8 to 30`);
    }
    if (!subnet.contains(gateway) || gateway === subnet.first || gateway === subnet.last) {
      throw new KraudError(
        'invalid',
        `no matching subnet for gateway ${formatIpv4(gateway)}: it must be a host address in ${subnet}`,
      );
    }
    this.subnet = subnet;
    this.gateway = gateway;
    this.#isElsewhere = isElsewhere;
    this.#lowest = subnet.first + 1;
  }

  /** From now on only addresses of these blocks are chosen; a wanted one may be any of the subnet. */
  giveFrom(blocks: readonly Subnet[]): void {
    const ranges = blocks.toSorted((a, b) => a.first - b.first);
    const same =
      ranges.length === this.#ranges.length &&
      ranges.every((range, i) => range.toString() === this.#ranges[i]?.toString());
    if (same) return;
    this.#ranges = ranges;
    this.#lowest = this.subnet.first + 1;
  }

  /** From now on these are given to nobody new. */
  reserve(addresses: readonly Ipv4[]): void {
    this.#reserved = new Set(addresses);
    this.#lowest = this.subnet.first + 1;
  }

  /** An address of the blocks that are chosen from; undefined where that is all of the subnet. */
  get ours(): string | undefined {
    const [first] = this.#ranges;
    return first && formatIpv4(first.first);
  }

  get size(): number {
    return this.#addresses.size;
  }

  addressOf(owner: string): Ipv4 | undefined {
    return this.#addresses.get(owner);
  }

  ownerOf(address: Ipv4): string | undefined {
    return this.#owners.get(address);
  }

  /** The owner's address, if it has one and wants none or that one; otherwise `wanted`, or the lowest free. */
  allocate(owner: string, wanted?: Ipv4): Ipv4 {
    const present = this.#addresses.get(owner);
    if (present !== undefined && (wanted === undefined || wanted === present)) return present;
    if (present !== undefined) {
      throw new KraudError('conflict', `${owner} already has the address ${formatIpv4(present)}`);
    }
    const address = wanted === undefined ? this.#free() : this.#check(wanted);
    this.#owners.set(address, owner);
    this.#addresses.set(owner, address);
    return address;
  }

  /** Nothing happens for who has none. */
  release(owner: string): void {
    const address = this.#addresses.get(owner);
    if (address === undefined) return;
    this.#addresses.delete(owner);
    this.#owners.delete(address);
    this.#lowest = Math.min(this.#lowest, address);
  }

  /** All of them or none. */
  restore(allocations: Iterable<readonly [owner: string, address: Ipv4]>): void {
    const done: string[] = [];
    try {
      for (const [owner, address] of allocations) {
        const had = this.#addresses.has(owner);
        this.allocate(owner, address);
        if (!had) done.push(owner);
      }
    } catch (error) {
      for (const owner of done) this.release(owner);
      throw error;
    }
  }

  #usable(address: Ipv4): boolean {
    return (
      Number.isInteger(address) &&
      address > this.subnet.first &&
      address < this.subnet.last &&
      address !== this.gateway
    );
  }

  #check(address: Ipv4): Ipv4 {
    if (!this.#usable(address)) {
      throw new KraudError(
        'invalid',
        `invalid address ${formatIpv4(address)}: it is not a free host address of subnet ${this.subnet}`,
      );
    }
    if (this.#owners.has(address) || this.#reserved.has(address)) throw addressInUse();
    return address;
  }

  #free(): Ipv4 {
    for (const { first, last } of this.#ranges.length > 0 ? this.#ranges : [this.subnet]) {
      for (let address = Math.max(first, this.#lowest); address <= last; address += 1) {
        if (!this.#usable(address) || this.#owners.has(address) || this.#reserved.has(address)) continue;
        if (this.#isElsewhere(address)) continue;
        this.#lowest = address;
        return address;
      }
    }
    this.#lowest = this.subnet.last;
    throw new KraudError('exhausted', `no available IPv4 addresses on subnet ${this.subnet}`);
  }
}

export const addressInUse = (): KraudError => new KraudError('conflict', 'Address already in use');
