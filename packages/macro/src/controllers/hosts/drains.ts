import { type Clock, codeOf, type Logger } from '@kraud/base';
import { defaultNamespace, defaultTenant, type Host, type Pod } from '../../model/index.ts';
import type { Tables } from '../../resources/tables.ts';
import { tolerates, wantsToRun } from '../../scheduler/index.ts';
import { Controller, type Reconciled } from '../controller.ts';
import { displace } from '../displace.ts';
import type { MoveBudget, MoveLimits } from './pace.ts';

export interface DrainsParts {
  readonly tables: Pick<Tables, 'pods' | 'hosts'>;
  readonly budget: MoveBudget;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: MoveLimits;
}

/** Makes pods leave hosts that are drained, or that evict them by a taint. A workload replaces its pods itself. */
export class Drains {
  readonly #parts: DrainsParts;
  readonly #controller: Controller;

  constructor(parts: DrainsParts) {
    this.#parts = parts;
    const { clock, logger } = parts;
    this.#controller = new Controller({
      name: 'drains',
      reconcile: (uid) => this.#leave(uid),
      clock,
      logger,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pods, hosts } = this.#parts.tables;
    const look = (pod: Pod | undefined): void => {
      if (pod && this.#reason(pod) !== undefined) this.#controller.enqueue(pod.meta.uid);
    };
    const lookAtAll = (): void => {
      for (const pod of pods.cache.list()) look(pod);
    };
    const unsubscribe = [
      hosts.cache.subscribe((changes) => {
        if (changes.some(({ after }) => after && sendsAway(after))) lookAtAll();
      }),
      pods.cache.subscribe((changes) => {
        for (const { after } of changes) look(after);
      }),
    ];
    lookAtAll();
    await this.#controller.run(signal);
    for (const stop of unsubscribe) stop();
  }

  #reason(pod: Pod): string | undefined {
    const { host: name, placement } = pod.spec;
    if (name === undefined || pod.meta.owner?.kind === 'Workload' || !wantsToRun(pod)) return undefined;
    const host = this.#parts.tables.hosts.get({
      tenant: defaultTenant,
      namespace: defaultNamespace,
      name,
    });
    // A lost one has nothing left to leave.
    if (!host || host.status.lostAt !== undefined) return undefined;
    if (host.spec.drained) return `host ${name} is drained`;
    const taint = host.spec.taints?.find(
      (item) => item.effect === 'evict' && !tolerates(placement?.tolerations ?? [], item),
    );
    return taint && `host ${name} evicts by its taint ${taint.key}=${taint.value}`;
  }

  async #leave(uid: string): Promise<Reconciled> {
    const { tables, budget, clock, limits } = this.#parts;
    const pod = tables.pods.cache.byUid(uid);
    if (!pod || this.#reason(pod) === undefined) return undefined;
    const waitMs = budget.take(limits.movesPerS);
    if (waitMs > 0) return { againMs: waitMs };
    try {
      await tables.pods.mutate(pod.meta, (present) => {
        const reason = this.#reason(present);
        return present.meta.uid === uid && reason !== undefined
          ? displace(present, reason, clock.now())
          : undefined;
      });
    } catch (error) {
      if (codeOf(error) !== 'not-found') throw error;
    }
    return undefined;
  }
}

function sendsAway(host: Host): boolean {
  return host.spec.drained === true || (host.spec.taints ?? []).some(({ effect }) => effect === 'evict');
}
