import { type Clock, codeOf, KeyedLock, KraudError, type Logger, messageOf } from '@kraud/base';
import type { FixedPlace, NetworkSource } from '@kraud/host';
import { type Network, ResourceClient, type Store, type Tables, withSlice } from '@kraud/macro';
import type { HostNetwork, NetworkSpec, NetworkState } from '@kraud/network';
import { realizeDefaultNetworks } from './default-networks.ts';
import { FixedAddresses } from './fixed-addresses.ts';
import type { SubnetBook } from './subnet-book.ts';

export interface NetworkKeeperParts {
  readonly tables: Pick<Tables, 'networks' | 'hosts' | 'pods'>;
  readonly store: Store;
  readonly network: HostNetwork;
  readonly book: SubnetBook;
  /** This host's. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const namespace = 'default';

/**
 * The store's networks as this host's pods use them: each with addresses of this host alone, made real when a pod
 * comes, and taken down once it is gone from the store.
 */
export class NetworkKeeper implements NetworkSource {
  readonly #parts: NetworkKeeperParts;
  readonly #client: ResourceClient<'Network'>;
  readonly #fixed: FixedAddresses;
  readonly #lock = new KeyedLock();

  constructor(parts: NetworkKeeperParts) {
    this.#parts = parts;
    this.#client = new ResourceClient('Network', parts);
    this.#fixed = new FixedAddresses(parts);
  }

  async spec(tenant: string, name: string): Promise<NetworkSpec | undefined> {
    const found = await this.#find(tenant, name);
    if (found?.spec.driver !== 'vpc') return undefined;
    await this.takeDown();
    const host = this.#parts.name;
    const network = found.status.slices?.[host] ? found : await this.#claim(tenant, name);
    if (!network) {
      throw new KraudError('exhausted', `network ${name} has no addresses left for host ${host}`);
    }
    return specOf(network, host);
  }

  hold(tenant: string, podId: string, places: readonly FixedPlace[]): Promise<void> {
    return this.#fixed.hold(tenant, podId, places);
  }

  release(podId: string, keep?: readonly FixedPlace[]): Promise<void> {
    return this.#fixed.release(podId, keep);
  }

  async grow(tenant: string, name: string): Promise<boolean> {
    return (await this.#claim(tenant, name)) !== undefined;
  }

  /** A subnet for a network. One that isn't asked for by name leaves alone what the machine's other daemons have. */
  chooseSubnet(wanted: string | undefined, taken: readonly string[]): Promise<string> {
    const { network, book } = this.#parts;
    return network.chooseSubnet(wanted, wanted === undefined ? [...taken, ...book.others()] : taken);
  }

  async realizeDefaults(): Promise<void> {
    const spec = (tenant: string, name: string) => this.spec(tenant, name);
    const chooseSubnet = (taken: readonly string[]) => this.chooseSubnet(undefined, taken);
    await realizeDefaultNetworks({ ...this.#parts, spec, chooseSubnet });
  }

  /** Takes down what the store has no more as soon as it doesn't, and keeps the book. Answers how to stop. */
  follow(): () => void {
    this.#note();
    const stops = [
      this.#parts.tables.networks.cache.subscribe((changes) => {
        this.#note();
        if (changes.some(({ before }) => before)) void this.takeDown();
      }),
      this.#fixed.follow(),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** The pods of an earlier daemon are taken over. */
  begin(): Promise<void> {
    return this.#fixed.begin();
  }

  /** What pods are still on, or what fails, is tried again with the next change or start. */
  async takeDown(): Promise<void> {
    const { network, logger } = this.#parts;
    if (network.networks().every((state) => this.#isWanted(state))) return;
    await this.#lock.run('', async () => {
      for (const state of network.networks()) {
        if (this.#isWanted(state)) continue;
        try {
          await network.removeNetwork(state);
        } catch (error) {
          logger.debug({ network: state.name, error: messageOf(error) }, 'a network stays for now');
        }
      }
    });
  }

  #note(): void {
    const { tables, book } = this.#parts;
    book.write(tables.networks.everywhere().flatMap(({ spec }) => spec.subnet ?? []));
  }

  #isWanted({ tenant, name, subnet, internal }: NetworkState): boolean {
    const present = this.#parts.tables.networks.get({ tenant, namespace, name });
    return present?.spec.subnet === subnet && present.spec.internal === internal;
  }

  /** A cache that is behind the pod's own is no reason to fail its start. */
  async #find(tenant: string, name: string): Promise<Network | undefined> {
    const key = { tenant, namespace, name };
    return this.#parts.tables.networks.get(key) ?? (await this.#client.get(key));
  }

  /** Undefined when there is nothing left to claim. */
  async #claim(tenant: string, name: string): Promise<Network | undefined> {
    const { tables, name: host } = this.#parts;
    const isGone = (other: string): boolean =>
      !tables.hosts.everywhere().some(({ meta }) => meta.name === other);
    try {
      return await tables.networks.mutate({ tenant, namespace, name }, (present) => {
        const claimed = withSlice(present, host, isGone);
        if (!claimed) throw new KraudError('exhausted', `no available IPv4 addresses on network ${name}`);
        return claimed;
      });
    } catch (error) {
      if (codeOf(error) !== 'exhausted' && codeOf(error) !== 'not-found') throw error;
      return undefined;
    }
  }
}

function specOf({ meta, spec, status }: Network, host: string): NetworkSpec {
  return {
    tenant: meta.tenant,
    name: meta.name,
    subnet: spec.subnet,
    gateway: spec.gateway,
    internal: spec.internal,
    // As with Docker, pods of the default network have no names there.
    names: meta.name !== 'default',
    ranges: status.slices?.[host],
    reserved: [...Object.values(spec.reserved ?? {}), ...Object.values(status.virtual?.addresses ?? {})],
  };
}
