import { codeOf, KraudError, newId } from '@kraud/base';
import type { Network } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import { settleIngress } from '../networks/ingress.ts';
import { checkPool } from '../networks/pool.ts';
import { removeNetwork } from '../networks/remove.ts';
import type { CloudParts } from '../parts.ts';
import type { SubnetPool, Swarm, Swarms, SwarmWish } from './contract.ts';
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

  async begin(caller: Caller, wish: SwarmWish, pool?: SubnetPool): Promise<Swarm> {
    if (pool) checkPool(pool);
    const now = this.#now();
    const uid = newId(this.#parts.random);
    const swarm = { uid, createdAt: now, updatedAt: now, version: 1, ...wish, ...(pool ? { pool } : {}) };
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
      const { uid, createdAt, pool } = present;
      const kept = { uid, createdAt, ...(pool ? { pool } : {}) };
      return { ...kept, updatedAt: this.#now(), version: version + 1, ...wish };
    });
  }

  async end(caller: Caller, networks: readonly Network[]): Promise<void> {
    for (const network of networks) await this.#removeUnused(caller, network);
    const { secrets, configs } = this.#parts;
    for (const table of [secrets, configs])
      for (const { meta } of table.list(caller.tenant)) await table.delete(meta);
    await this.#parts.tenants.mutate(keyOf(caller.tenant), (tenant) => {
      const { [swarmKey]: _, ...given } = tenant.given;
      return { ...tenant, given };
    });
    await settleIngress(this.#parts, caller.tenant);
  }

  /** One that a container is on, which no service made, stays with it. */
  async #removeUnused(caller: Caller, { meta }: Network): Promise<void> {
    try {
      await removeNetwork(this.#parts, caller, meta.uid);
    } catch (error) {
      if (!['forbidden', 'conflict', 'not-found'].includes(codeOf(error))) throw error;
    }
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
