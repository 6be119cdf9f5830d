import { type Clock, codeOf, type Logger } from '@kraud/base';
import type { Host, Pod } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';
import { check } from '../scheduler/check.ts';
import type { Eviction, Rule } from '../scheduler/contract.ts';
import { weighs } from '../scheduler/demand.ts';
import type { Fleet } from '../scheduler/fleet.ts';
import { type SchedulerLimits, schedulerDefaults } from '../scheduler/limits.ts';
import { plan } from '../scheduler/plan.ts';
import { fillHost } from '../workloads/index.ts';
import { FleetFeed } from './binder-feed.ts';
import { Controller, type Reconciled } from './controller.ts';
import { displace } from './displace.ts';

/** The host agent's finalizer: it takes down what it made of a pod before the pod may go. */
export const hostFinalizer = 'host';

const everything = 'unbound pods';
/** A refused pod is looked at again after this long, whatever happened. */
const retryMs = 30_000;
/** Rules that the placing of others may satisfy. */
const companyRules: ReadonlySet<Rule> = new Set(['near', 'spread']);
/** Pods that are planned for at once; the others come right after. */
const roundPodsMax = 2000;

export interface BinderParts {
  readonly tables: Pick<Tables, 'pods' | 'hosts' | 'volumes'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: SchedulerLimits;
}

/**
 * Gives every pod a host: plans the unbound pods, has the plan checked, and writes each binding only if the pod is
 * still as it was planned for. Whoever has to make room is displaced. A pod without a place says why in its status,
 * and is tried again whenever there may be room.
 */
export class Binder {
  readonly #parts: BinderParts;
  readonly #controller: Controller;
  readonly #feed: FleetFeed;

  constructor(parts: BinderParts) {
    this.#parts = parts;
    this.#feed = new FleetFeed(parts.tables, parts.clock, parts.limits ?? schedulerDefaults);
    this.#controller = new Controller({
      name: 'binder',
      reconcile: () => this.#bind(),
      clock: parts.clock,
      logger: parts.logger,
      limits: { concurrency: 1 },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const look = (): void => this.#controller.enqueue(everything);
    const unsubscribe = [
      this.#feed.start(),
      this.#parts.tables.pods.cache.subscribe((changes) => {
        if (changes.some(({ before, after }) => isUnbound(after) || frees(before, after))) look();
      }),
      this.#parts.tables.hosts.cache.subscribe((changes) => {
        const { overfull } = this.#feed.fleet.rooms;
        if (overfull.size > 0 || changes.some(({ before, after }) => mayTakeMore(before, after))) look();
      }),
    ];
    look();
    await this.#controller.run(signal);
    for (const stop of unsubscribe) stop();
  }

  async #bind(): Promise<Reconciled> {
    const unbound = [...this.#feed.unbound.values()];
    const removed = unbound.filter((pod) => pod.meta.deletedAt !== undefined);
    await Promise.all(removed.map((pod) => this.#release(pod)));
    const all = unbound.filter((pod) => pod.meta.deletedAt === undefined).sort(byAge);
    const { fleet } = this.#feed;
    if (all.length === 0 && fleet.rooms.overfull.size === 0) return undefined;
    let againMs = Number.POSITIVE_INFINITY;
    for (let first = 0; first < Math.max(1, all.length); first += roundPodsMax)
      againMs = Math.min(againMs, await this.#round(all.slice(first, first + roundPodsMax), fleet));
    return againMs < Number.POSITIVE_INFINITY ? { againMs } : undefined;
  }

  /** Plans and applies; when to look again at those that were refused. */
  async #round(wanted: readonly Pod[], fleet: Fleet): Promise<number> {
    const made = plan(wanted, fleet);
    const faults = check(made, wanted, fleet);
    if (faults.length > 0) return await this.#oneByOne(wanted, faults, fleet);
    const byUid = new Map(wanted.map((pod) => [pod.meta.uid, pod]));
    await Promise.all([
      ...made.evictions.map((eviction) => this.#evict(eviction)),
      ...made.bindings.map(({ uid, host }) => this.#bindTo(byUid.get(uid), host)),
      ...made.refusals.map(({ uid, message }) => this.#say(byUid.get(uid), message)),
    ]);
    if (made.refusals.length === 0) return Number.POSITIVE_INFINITY;
    const company = made.refusals.some(({ reasons }) => reasons.some(({ rule }) => companyRules.has(rule)));
    if (company && made.bindings.length > 0) this.#controller.enqueue(everything);
    return retryMs;
  }

  /** A plan that breaks its rules is a bug, and isn't applied. It must not keep the other pods from their places. */
  async #oneByOne(wanted: readonly Pod[], faults: readonly string[], fleet: Fleet): Promise<number> {
    this.#parts.logger.error({ pods: wanted.length, faults }, 'a plan breaks its rules and is not applied');
    if (wanted.length <= 1) return retryMs;
    for (const pod of wanted) await this.#round([pod], fleet);
    return retryMs;
  }

  async #bindTo(pod: Pod | undefined, host: string): Promise<void> {
    if (!pod) return;
    const { fleet } = this.#feed;
    const facts = fleet.hosts[fleet.slotOf(host) ?? -1];
    await this.#write(pod, (present) => {
      present.spec.host = host;
      if (!present.meta.finalizers.includes(hostFinalizer)) present.meta.finalizers.push(hostFinalizer);
      present.status.message = '';
      return facts ? fillHost(present, facts) : present;
    });
  }

  async #say(pod: Pod | undefined, message: string): Promise<void> {
    if (!pod || pod.status.message === message) return;
    await this.#write(pod, (present) => {
      present.status.message = message;
      return present;
    });
  }

  async #evict({ uid, revision, reason }: Eviction): Promise<void> {
    const pod = this.#parts.tables.pods.cache.byUid(uid);
    if (pod?.meta.revision !== revision) return;
    await this.#write(pod, (present) => displace(present, reason, this.#parts.clock.now()));
  }

  /** Writes to the very version that was planned for; a newer one comes around again by itself. */
  async #write(pod: Pod, change: (present: Pod) => Pod | undefined): Promise<void> {
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

function isUnbound(pod: Pod | undefined): boolean {
  return pod !== undefined && pod.spec.host === undefined;
}

/** Whether the change may have made room. */
function frees(before: Pod | undefined, after: Pod | undefined): boolean {
  if (before === undefined || before.spec.host === undefined || !weighs(before)) return false;
  return (
    after === undefined ||
    after.spec.host === undefined ||
    !weighs(after) ||
    before.spec.run.wanted !== after.spec.run.wanted
  );
}

/** Whether a host may take pods that it didn't before: all but what each heartbeat changes. */
function mayTakeMore(before: Host | undefined, after: Host | undefined): boolean {
  if (!after || !before) return after !== undefined;
  const matters = ({ meta, spec, status }: Host): string =>
    JSON.stringify([meta.labels, spec, status.ready, status.cpus, status.memoryBytes, status.usage]);
  return matters(before) !== matters(after);
}

function byAge(a: Pod, b: Pod): number {
  const [left, right] = [`${a.meta.createdAt} ${a.meta.uid}`, `${b.meta.createdAt} ${b.meta.uid}`];
  return left < right ? -1 : 1;
}
