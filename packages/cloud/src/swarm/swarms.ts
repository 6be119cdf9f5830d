import { KraudError, newId } from '@kraud/base';
import type { Caller } from '../contract.ts';
import { settleIngress } from '../networks/ingress.ts';
import type { CloudParts } from '../parts.ts';
import type { Swarm, Swarms, SwarmWish } from './contract.ts';
import { keyOf, swarmKey, swarmOf } from './note.ts';

/** Kept in the tenant that it is of: it has nothing of its own. */
export class SwarmUseCases implements Swarms {
  readonly #parts: CloudParts;

  constructor(parts: CloudParts) {
    this.#parts = parts;
  }

  get(caller: Caller): Promise<Swarm | undefined> {
    const tenant = this.#parts.tenants.get(keyOf(caller.tenant));
    return Promise.resolve(tenant && swarmOf(tenant));
  }

  async begin(caller: Caller, wish: SwarmWish): Promise<Swarm> {
    const now = this.#now();
    const swarm = { uid: newId(this.#parts.random), createdAt: now, updatedAt: now, version: 1, ...wish };
    const begun = await this.#write(caller, (present) => {
      if (present) throw new KraudError('conflict', 'this node is already part of a swarm');
      return swarm;
    });
    await settleIngress(this.#parts, caller.tenant);
    return begun;
  }

  update(caller: Caller, wish: SwarmWish, version: number): Promise<Swarm> {
    return this.#write(caller, (present) => {
      if (present?.version !== version) throw new KraudError('conflict', 'update out of sequence');
      const { uid, createdAt } = present;
      return { uid, createdAt, updatedAt: this.#now(), version: version + 1, ...wish };
    });
  }

  async end(caller: Caller): Promise<void> {
    await this.#parts.tenants.mutate(keyOf(caller.tenant), (tenant) => {
      const { [swarmKey]: _, ...given } = tenant.given;
      return { ...tenant, given };
    });
    await settleIngress(this.#parts, caller.tenant);
  }

  async #write(caller: Caller, change: (present: Swarm | undefined) => Swarm): Promise<Swarm> {
    const tenant = await this.#parts.tenants.mutate(keyOf(caller.tenant), (found) => ({
      ...found,
      given: { ...found.given, [swarmKey]: change(swarmOf(found)) },
    }));
    const written = swarmOf(tenant);
    if (!written) throw new KraudError('internal', 'the swarm was not kept');
    return written;
  }

  #now(): string {
    return new Date(this.#parts.clock.now()).toISOString();
  }
}
