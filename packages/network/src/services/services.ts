import { type Logger, messageOf } from '@kraud/base';
import type { Service } from '../contract.ts';
import { Retries, type RetryOptions } from '../kernel/retries.ts';
import type { Networks } from '../networks.ts';
import type { ServiceNames } from '../resolver/service-names.ts';
import type { VirtualAddress } from './rules.ts';

/** The services of all tenants: their names, and their virtual addresses in the VPCs that are here. */
export class Services {
  readonly #names: ServiceNames;
  readonly #networks: Networks;
  readonly #log: Logger;
  readonly #retries: Retries;
  #services: readonly Service[] | undefined;
  /** Until then, and until services are told, the kernel keeps what a daemon before this one has told it. */
  #begun = false;

  constructor(names: ServiceNames, networks: Networks, parts: { logger: Logger; retry: RetryOptions }) {
    this.#names = names;
    this.#networks = networks;
    this.#log = parts.logger;
    this.#retries = new Retries(() => void this.settled(), parts.retry);
  }

  close(): void {
    this.#retries.close();
  }

  async serve(services: readonly Service[]): Promise<void> {
    this.#services = services;
    this.#names.set(services);
    await this.settled();
  }

  /** All networks that have pods are known. */
  async begin(): Promise<void> {
    this.#begun = true;
    await this.settled();
  }

  /** Resolves once the kernel has what follows from the services and networks that there are, or that is tried again later. */
  async settled(): Promise<void> {
    if (!this.#begun || !this.#services) return;
    const byTenant = new Map<string, VirtualAddress[]>();
    for (const { tenant, network, virtual, ready, members } of this.#services) {
      if (virtual === undefined || !this.#networks.find({ tenant, name: network })) continue;
      const addresses = byTenant.get(tenant) ?? [];
      byTenant.set(tenant, addresses);
      addresses.push({ address: virtual, ready, members });
    }
    let failed = false;
    await Promise.all(
      this.#networks.vpcs().map(async (vpc) => {
        try {
          await vpc.balance(byTenant.get(vpc.tenant) ?? []);
        } catch (error) {
          const reason = { tenant: vpc.tenant, error: messageOf(error) };
          this.#log.warn(reason, 'virtual addresses of services are not up to date');
          failed = true;
        }
      }),
    );
    if (failed) this.#retries.failed();
    else this.#retries.worked();
  }
}
