import { isDeepStrictEqual } from 'node:util';
import { type Clock, codeOf, KraudError, type Logger } from '@kraud/base';
import { defaultNamespace, type Network, type Workload } from '../model/index.ts';
import { addressesOn, hasNames, withVirtual } from '../networks/index.ts';
import type { Tables } from '../resources/tables.ts';
import { Controller, type Reconciled } from './controller.ts';

export interface VirtualAddressesParts {
  readonly tables: Pick<Tables, 'pods' | 'workloads' | 'networks'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Gives every workload that wants one (`endpoint: 'virtual'`) an address on each of its networks, for as long as it is there and on
 * the network. They are kept with the network, so that two can never be given the same.
 */
export class VirtualAddresses {
  readonly #parts: VirtualAddressesParts;
  readonly #controller: Controller;

  constructor(parts: VirtualAddressesParts) {
    this.#parts = parts;
    this.#controller = new Controller({
      name: 'virtual-addresses',
      reconcile: (uid) => this.#reconcile(uid),
      clock: parts.clock,
      logger: parts.logger,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { workloads, networks } = this.#parts.tables;
    const look = (network: Network | undefined): void => {
      if (network && hasNames(network)) this.#controller.enqueue(network.meta.uid);
    };
    const unsubscribe = [
      workloads.cache.subscribe((changes) => {
        for (const { before, after } of changes) {
          const [was, is] = [wishOf(before), wishOf(after)];
          if (isDeepStrictEqual(was, is)) continue;
          const { tenant } = (after ?? before)?.meta ?? { tenant: '' };
          for (const name of new Set([...was, ...is])) {
            look(networks.get({ tenant, namespace: defaultNamespace, name }));
          }
        }
      }),
      networks.cache.subscribe((changes) => {
        for (const { before, after } of changes) if (!before) look(after);
      }),
    ];
    for (const network of networks.everywhere()) look(network);
    await this.#controller.run(signal);
    for (const stop of unsubscribe) stop();
  }

  async #reconcile(uid: string): Promise<Reconciled> {
    const { networks, workloads, pods } = this.#parts.tables;
    const network = networks.cache.byUid(uid);
    if (!network) return undefined;
    let left: readonly string[] = [];
    let based = network.meta.revision ?? 0;
    for (let seen = -1; seen < based; ) {
      seen = based;
      // A workload was written before it got an address: one that isn't seen from here on is gone.
      await Promise.all([workloads.cache.reached(seen), pods.cache.reached(seen)]);
      await networks
        .mutate(network.meta, (present) => {
          based = present.meta.revision ?? 0;
          if (present.meta.uid !== uid || based > seen) return undefined;
          const settled = withVirtual(present, this.#wanted(present), this.#taken(present));
          left = settled.left;
          return isDeepStrictEqual(settled.network.status, present.status) ? undefined : settled.network;
        })
        .catch(ifGone);
    }
    if (left.length === 0) return undefined;
    const { name } = network.meta;
    throw new KraudError('exhausted', `network ${name} has no address left for ${left.length} workloads`);
  }

  /** Oldest first. */
  #wanted({ meta }: Network): string[] {
    return this.#parts.tables.workloads
      .list(meta.tenant)
      .filter((workload) => wishOf(workload).includes(meta.name))
      .sort((a, b) => (a.meta.createdAt < b.meta.createdAt ? -1 : 1))
      .map((workload) => workload.meta.uid);
  }

  #taken({ meta }: Network): ReadonlySet<string> {
    return addressesOn(this.#parts.tables.pods.list(meta.tenant), meta.name);
  }
}

/** Networks on which it wants an address. */
function wishOf(workload: Workload | undefined): string[] {
  if (workload?.spec.endpoint !== 'virtual') return [];
  return workload.spec.template.spec.networks.map(({ name }) => name);
}

function ifGone(error: unknown): void {
  if (codeOf(error) !== 'not-found') throw error;
}
