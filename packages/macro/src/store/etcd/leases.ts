import { type Clock, codeOf, KraudError, type Random } from '@kraud/base';
import type { Lease } from '../contract.ts';
import type { Cluster } from './cluster.ts';
import { isLeaseTaken } from './faults.ts';
import { KeepAlives } from './keep-alives.ts';
import type { EtcdLimits } from './limits.ts';
import { rpcs } from './rpcs.ts';
import { leaseName } from './translate.ts';

/** Leases of etcd. Their numbers are chosen here, so that a grant may be asked for again when its answer was lost. */
export class Leases {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #limits: EtcdLimits;
  readonly #keepAlives: KeepAlives;

  constructor(parts: { cluster: Cluster; clock: Clock; random: Random; limits: EtcdLimits }) {
    this.#cluster = parts.cluster;
    this.#random = parts.random;
    this.#limits = parts.limits;
    this.#keepAlives = new KeepAlives(parts);
  }

  async grant(ttlMs: number): Promise<Lease> {
    if (!(ttlMs > 0)) throw new KraudError('invalid', `invalid time to live: ${ttlMs} ms`);
    const id = this.#random.bytes(6).readUIntBE(0, 6) || 1;
    const ttlSeconds = Math.ceil(Math.max(ttlMs, this.#limits.leaseTtlMsMin) / 1000);
    const granted = await this.#grant(id, ttlSeconds);
    return {
      id: leaseName(id),
      ttlMs: granted * 1000,
      keepAlive: () => this.#keepAlive(id),
      revoke: () => this.#revoke(id),
    };
  }

  close(): void {
    this.#keepAlives.close();
  }

  async #grant(id: number, ttlSeconds: number): Promise<number> {
    try {
      return (await this.#cluster.read(rpcs.leaseGrant, { id, ttlSeconds })).ttlSeconds;
    } catch (error) {
      if (!isLeaseTaken(error)) throw error;
      const left = await this.#keepAlives.ask(id);
      if (left === 0) throw new KraudError('unavailable', 'etcd: a lease ended before it was granted');
      return left;
    }
  }

  async #keepAlive(id: number): Promise<void> {
    if ((await this.#keepAlives.ask(id)) === 0) {
      throw new KraudError('not-found', `the lease ${leaseName(id)} has ended`);
    }
  }

  async #revoke(id: number): Promise<void> {
    try {
      await this.#cluster.read(rpcs.leaseRevoke, id);
    } catch (error) {
      if (codeOf(error) !== 'not-found') throw error;
    }
  }
}
