import type { Service } from '../contract.ts';

const tasks = 'tasks.';

/** What services are called, by network: each name also with the network's behind it, and with `tasks.` before it. */
export class ServiceNames {
  /** `tenant network` to name to addresses. */
  #addresses = new Map<string, Map<string, readonly string[]>>();
  /** `tenant network` to virtual address to name. */
  #names = new Map<string, Map<string, string>>();

  #turn = 0;

  set(services: readonly Service[]): void {
    this.#addresses = new Map();
    this.#names = new Map();
    for (const { tenant, network, names, virtual, ready } of services) {
      const key = keyOf(tenant, network);
      const addresses = inMap(this.#addresses, key);
      const [first] = names;
      if (virtual !== undefined && first !== undefined) inMap(this.#names, key).set(virtual, first);
      for (const each of new Set(names.map((name) => name.toLowerCase()))) {
        for (const name of [each, `${each}.${network.toLowerCase()}`]) {
          add(addresses, name, virtual === undefined ? ready : [virtual]);
          add(addresses, tasks + name, ready);
        }
      }
    }
  }

  /** Undefined when no service is called so; none while it has no ready pod. Each call begins with another one. */
  addressesOf(tenant: string, network: string, name: string): readonly string[] | undefined {
    const addresses = this.#addresses.get(keyOf(tenant, network))?.get(name);
    if (!addresses || addresses.length < 2) return addresses;
    this.#turn = (this.#turn + 1) % addresses.length;
    return [...addresses.slice(this.#turn), ...addresses.slice(0, this.#turn)];
  }

  /** Of the service that has this virtual address. */
  nameOf(tenant: string, network: string, address: string): string | undefined {
    return this.#names.get(keyOf(tenant, network))?.get(address);
  }
}

const keyOf = (tenant: string, network: string): string => `${tenant} ${network}`;

function inMap<V>(all: Map<string, Map<string, V>>, key: string): Map<string, V> {
  const present = all.get(key) ?? new Map<string, V>();
  all.set(key, present);
  return present;
}

/** Two services may have the same alias: it leads to both. */
function add(addresses: Map<string, readonly string[]>, name: string, more: readonly string[]): void {
  addresses.set(name, [...new Set([...(addresses.get(name) ?? []), ...more])]);
}
