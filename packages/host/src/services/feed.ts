import { isDeepStrictEqual } from 'node:util';
import { type Logger, messageOf } from '@kraud/base';
import {
  defaultNamespace,
  defaultTenant,
  type Host,
  type Pod,
  type Tables,
  type Workload,
  workloadLabels,
} from '@kraud/macro';
import type { HostNetwork, Service } from '@kraud/network';
import { servicesOf } from './plan.ts';
import { isReached, reachFactsOf } from './reach.ts';

export interface ServiceFeedParts {
  /** This host's. */
  readonly name: string;
  readonly tables: Pick<Tables, 'pods' | 'workloads' | 'networks' | 'hosts'>;
  readonly network: Pick<HostNetwork, 'serve'>;
  readonly logger: Logger;
}

/**
 * Tells this host's network what services there are, as the store says it, for as long as `run` goes. Of a workload nothing is
 * looked at again until it, one of its pods or its networks change. A pod that is told to stop gets no new connection from
 * the moment on at which that is seen here.
 */
export class ServiceFeed {
  readonly #parts: ServiceFeedParts;
  /** By the workload's uid. */
  readonly #services = new Map<string, readonly Service[]>();
  readonly #dirty = new Set<string>();
  /** As of the last look at all. */
  #reachFacts: readonly string[] = [];
  #wake: () => void = () => {};

  constructor(parts: ServiceFeedParts) {
    this.#parts = parts;
  }

  async run(signal: AbortSignal): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const unsubscribe = this.#subscribe();
    this.#lookAtAll();
    try {
      for (let first = true; !signal.aborted; first = false) {
        const changed = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        if (this.#settle() || first) await this.#serve();
        else await Promise.race([changed, stopped]);
        // Many pods change at a time: they are looked at together.
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      for (const stop of unsubscribe) stop();
    }
  }

  #subscribe(): (() => void)[] {
    const { pods, workloads, networks, hosts } = this.#parts.tables;
    return [
      pods.cache.subscribe((changes) => {
        for (const { before, after } of changes) {
          const owner = (after ?? before)?.meta.labels[workloadLabels.owner];
          if (owner !== undefined && this.#matters(owner)) this.#look(owner);
        }
      }),
      workloads.cache.subscribe((changes) => {
        for (const { before, after } of changes) this.#look((after ?? before)?.meta.uid ?? '');
      }),
      networks.cache.subscribe(() => this.#lookAtAll()),
      hosts.cache.subscribe(() => {
        if (!isDeepStrictEqual(reachFactsOf(hosts.everywhere()), this.#reachFacts)) this.#lookAtAll();
      }),
    ];
  }

  /** Of most workloads nobody asks: their pods have no names. */
  #matters(uid: string): boolean {
    const workload = this.#parts.tables.workloads.cache.byUid(uid);
    return this.#services.has(uid) || (workload !== undefined && this.#mayServe(workload));
  }

  #mayServe({ spec }: Workload): boolean {
    return spec.endpoint !== undefined && spec.template.spec.networks.some(({ name }) => name !== 'default');
  }

  #host(name: string): Host | undefined {
    return this.#parts.tables.hosts.get({ tenant: defaultTenant, namespace: defaultNamespace, name });
  }

  #lookAtAll(): void {
    this.#reachFacts = reachFactsOf(this.#parts.tables.hosts.everywhere());
    for (const uid of this.#services.keys()) this.#dirty.add(uid);
    for (const workload of this.#parts.tables.workloads.everywhere()) {
      if (this.#mayServe(workload)) this.#dirty.add(workload.meta.uid);
    }
    this.#wake();
  }

  #look(uid: string): void {
    this.#dirty.add(uid);
    this.#wake();
  }

  /** True when there is something to tell. */
  #settle(): boolean {
    const { tables, name: here } = this.#parts;
    let changed = false;
    for (const uid of this.#dirty) {
      const workload = tables.workloads.cache.byUid(uid);
      const services = workload
        ? servicesOf({
            workload,
            pods: this.#podsOf(uid),
            networkOf: (name) =>
              tables.networks.get({ tenant: workload.meta.tenant, namespace: defaultNamespace, name }),
            isReached: (there) => isReached(this.#host(here), this.#host(there), workload.meta.tenant),
          })
        : [];
      if (isDeepStrictEqual(services, this.#services.get(uid) ?? [])) continue;
      changed = true;
      if (services.length > 0) this.#services.set(uid, services);
      else this.#services.delete(uid);
    }
    this.#dirty.clear();
    return changed;
  }

  #podsOf(uid: string): Pod[] {
    return this.#parts.tables.pods.cache
      .by('label', `${workloadLabels.owner}=${uid}`)
      .filter(({ meta }) => meta.owner?.uid === uid);
  }

  async #serve(): Promise<void> {
    try {
      await this.#parts.network.serve([...this.#services.values()].flat());
    } catch (error) {
      this.#parts.logger.warn({ error: messageOf(error) }, 'services are not up to date');
    }
  }
}
