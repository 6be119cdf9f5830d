import { assert, type Clock, codeOf, type Logger } from '@kraud/base';
import type { Pod } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';
import { check } from '../scheduler/check.ts';
import { type Observed, plan, type SchedulerLimits, schedulerDefaults } from '../scheduler/plan.ts';
import { Controller, type Reconciled } from './controller.ts';

/** The host agent's finalizer: it takes down what it made of a pod before the pod may go. */
export const hostFinalizer = 'host';

const everything = 'unbound pods';
/** A refused pod is looked at again after this long, whatever happened. */
const retryMs = 30_000;

export interface BinderParts {
  readonly tables: Pick<Tables, 'pods' | 'hosts' | 'volumes'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: SchedulerLimits;
}

/**
 * Gives every pod a host: plans all unbound pods at once, has the plan checked, and writes each binding only if the
 * pod is still as it was planned for. A pod without a place says why in its status, and is tried again whenever a
 * host or a pod changes.
 */
export class Binder {
  readonly #parts: BinderParts;
  readonly #controller: Controller;

  constructor(parts: BinderParts) {
    this.#parts = parts;
    this.#controller = new Controller({
      name: 'binder',
      reconcile: () => this.#bind(),
      clock: parts.clock,
      logger: parts.logger,
      limits: { concurrency: 1 },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pods, hosts } = this.#parts.tables;
    const look = (): void => this.#controller.enqueue(everything);
    const unsubscribe = [
      pods.cache.subscribe((changes) => {
        const matters = ({ before, after }: { before: Pod | undefined; after: Pod | undefined }): boolean =>
          (after !== undefined && after.spec.host === undefined) || frees(before, after);
        if (changes.some(matters)) look();
      }),
      hosts.cache.subscribe(look),
    ];
    look();
    await this.#controller.run(signal);
    for (const stop of unsubscribe) stop();
  }

  async #bind(): Promise<Reconciled> {
    const { tables, limits = schedulerDefaults } = this.#parts;
    const unbound = tables.pods.cache.list().filter((pod) => pod.spec.host === undefined);
    await Promise.all(
      unbound.filter((pod) => pod.meta.deletedAt !== undefined).map((pod) => this.#release(pod)),
    );
    const wanted = unbound.filter((pod) => pod.meta.deletedAt === undefined).sort(byAge);
    if (wanted.length === 0) return undefined;
    const seen: Observed = {
      hosts: tables.hosts.cache.list(),
      pods: tables.pods.cache.list(),
      volumes: tables.volumes.cache.list(),
    };
    const made = plan(wanted, seen, limits);
    const faults = check(made, wanted, seen, limits);
    assert(faults.length === 0, `a plan that breaks its rules: ${faults.join('; ')}`);
    const byUid = new Map(wanted.map((pod) => [pod.meta.uid, pod]));
    await Promise.all([
      ...made.bindings.map((binding) => {
        const pod = byUid.get(binding.uid);
        return (
          pod &&
          this.#write(pod, (present) => {
            present.spec.host = binding.host;
            if (!present.meta.finalizers.includes(hostFinalizer)) present.meta.finalizers.push(hostFinalizer);
            present.status.message = '';
            return present;
          })
        );
      }),
      ...made.refusals.map((refusal) => {
        const pod = byUid.get(refusal.uid);
        return (
          pod &&
          this.#write(pod, (present) => {
            present.status.message = refusal.message;
            return present;
          })
        );
      }),
    ]);
    return made.refusals.length > 0 ? { againMs: retryMs } : undefined;
  }

  /** Writes to the very version that was planned for; a newer one comes around again by itself. */
  async #write(pod: Pod, change: (present: Pod) => Pod): Promise<void> {
    await this.#mutate(pod, (present) =>
      present.meta.revision === pod.meta.revision ? change(present) : undefined,
    );
  }

  /** No host ever had it: nobody else will clean up. */
  async #release(pod: Pod): Promise<void> {
    await this.#mutate(pod, (present) => {
      if (present.spec.host !== undefined) return undefined;
      present.meta.finalizers = present.meta.finalizers.filter((name) => name !== hostFinalizer);
      return present;
    });
  }

  async #mutate(pod: Pod, change: (present: Pod) => Pod | undefined): Promise<void> {
    try {
      await this.#parts.tables.pods.mutate(pod.meta, (present) =>
        present.meta.uid === pod.meta.uid ? change(present) : undefined,
      );
    } catch (error) {
      // Removed or renamed meanwhile: both are changes that bring the binder back.
      if (codeOf(error) !== 'not-found') throw error;
    }
  }
}

/** Whether the change may have made room. */
function frees(before: Pod | undefined, after: Pod | undefined): boolean {
  return before !== undefined && before.spec.run.wanted !== (after?.spec.run.wanted ?? 'gone');
}

function byAge(a: Pod, b: Pod): number {
  const [left, right] = [`${a.meta.createdAt} ${a.meta.uid}`, `${b.meta.createdAt} ${b.meta.uid}`];
  return left < right ? -1 : 1;
}
