import { KraudError, newId } from '@kraud/base';
import { defaultNamespace, defaultTenant, type Tenant } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import type { Swarm, Swarms, SwarmWish } from './contract.ts';

const name = 'swarm';

/** Kept in the tenant that it is of: it has nothing of its own. */
export class SwarmUseCases implements Swarms {
  readonly #parts: CloudParts;

  constructor(parts: CloudParts) {
    this.#parts = parts;
  }

  get(caller: Caller): Promise<Swarm | undefined> {
    const tenant = this.#parts.tenants.get(keyOf(caller));
    return Promise.resolve(tenant && swarmOf(tenant));
  }

  begin(caller: Caller, wish: SwarmWish): Promise<Swarm> {
    const now = this.#now();
    const swarm = { uid: newId(this.#parts.random), createdAt: now, updatedAt: now, version: 1, ...wish };
    return this.#write(caller, (present) => {
      if (present) throw new KraudError('conflict', 'this node is already part of a swarm');
      return swarm;
    });
  }

  update(caller: Caller, wish: SwarmWish, version: number): Promise<Swarm> {
    return this.#write(caller, (present) => {
      if (present?.version !== version) throw new KraudError('conflict', 'update out of sequence');
      const { uid, createdAt } = present;
      return { uid, createdAt, updatedAt: this.#now(), version: version + 1, ...wish };
    });
  }

  async end(caller: Caller): Promise<void> {
    await this.#parts.tenants.mutate(keyOf(caller), (tenant) => {
      const { [name]: _, ...given } = tenant.given;
      return { ...tenant, given };
    });
  }

  async #write(caller: Caller, change: (present: Swarm | undefined) => Swarm): Promise<Swarm> {
    const tenant = await this.#parts.tenants.mutate(keyOf(caller), (found) => ({
      ...found,
      given: { ...found.given, [name]: change(swarmOf(found)) },
    }));
    const written = swarmOf(tenant);
    if (!written) throw new KraudError('internal', 'the swarm was not kept');
    return written;
  }

  #now(): string {
    return new Date(this.#parts.clock.now()).toISOString();
  }
}

/** How long hosts' certificates live as the owner's swarm has it; undefined when nothing was said. */
export function certificateTtlMsOf({ tenants }: Pick<CloudParts, 'tenants'>): number | undefined {
  const tenant = tenants.get(keyOf({ tenant: defaultTenant }));
  return tenant && swarmOf(tenant)?.certificateTtlMs;
}

const keyOf = ({ tenant }: Pick<Caller, 'tenant'>) => ({ tenant, namespace: defaultNamespace, name: tenant });

const swarmOf = ({ given }: Tenant): Swarm | undefined => given[name] as Swarm | undefined;
