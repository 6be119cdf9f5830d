import { formatIpv4, parseIpv4 } from './addresses/ipv4.ts';
import { addressInUse } from './addresses/pool.ts';
import type { NetworkState, Place, PlaceRequest } from './contract.ts';
import type { Networks } from './networks.ts';

/** Addresses of pods in the pools of their networks. */
export class Places {
  readonly #networks: Networks;

  constructor(networks: Networks) {
    this.#networks = networks;
  }

  /** All of the addresses or none. */
  allocate(tenant: string, podId: string, networks: readonly PlaceRequest[]): Place[] {
    const places: Place[] = [];
    try {
      for (const { network, ipv4, names, links } of networks) {
        const { pool } = this.#networks.get({ tenant, name: network });
        const wanted = ipv4 === undefined ? undefined : parseIpv4(ipv4);
        const key = { tenant, name: network };
        if (wanted !== undefined && this.#networks.isElsewhere(key, wanted)) throw addressInUse();
        const address = pool.allocate(podId, wanted);
        places.push({ network, ipv4: formatIpv4(address), names, ...(links ? { links } : {}) });
      }
    } catch (error) {
      this.release(tenant, podId, places);
      throw error;
    }
    return places;
  }

  /** Those that the pod had before a restart; answers whether all networks are there, and takes nothing otherwise. */
  restore(tenant: string, podId: string, places: readonly Place[]): boolean {
    const found = places.map((place) => ({
      place,
      live: this.#networks.find({ tenant, name: place.network }),
    }));
    if (found.some(({ live }) => !live)) return false;
    for (const { place, live } of found) live?.pool.restore([[podId, parseIpv4(place.ipv4)]]);
    return true;
  }

  release(tenant: string, podId: string, places: readonly Place[]): void {
    for (const { network } of places) this.#networks.find({ tenant, name: network })?.pool.release(podId);
  }

  /** The place that leads outside, if there is one, and otherwise the first. */
  wayOut(tenant: string, places: readonly Place[]): (Place & { readonly state: NetworkState }) | undefined {
    const all = places.map((place) => ({
      ...place,
      state: this.#networks.get({ tenant, name: place.network }).state,
    }));
    return all.find(({ state }) => !state.internal) ?? all[0];
  }
}
