import { type Clock, codeOf, type Logger } from '@kraud/base';
import {
  defaultNamespace,
  defaultTenant,
  type Host,
  hostLeaseKey,
  type Pod,
  type Volume,
} from '../../model/index.ts';
import type { Tables } from '../../resources/tables.ts';
import type { Compare } from '../../store/contract.ts';
import { Controller, type Reconciled } from '../controller.ts';
import { fateOf, meetFate } from './fate.ts';
import type { HostLeases } from './leases.ts';
import { type MoveBudget, type MoveLimits, type Pace, paceOf } from './pace.ts';

export interface LostHostsParts {
  readonly tables: Pick<Tables, 'pods' | 'hosts' | 'volumes'>;
  readonly leases: HostLeases;
  readonly budget: MoveBudget;
  /** Of the leader's own host, see `SharedHost`. */
  readonly heldSinceMs: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: MoveLimits;
}

/**
 * What becomes of hosts that lost their lease, and of their pods. A host ends its pods before its lease can end, and
 * every write here holds only while there is no lease: so a pod that is given to another host runs nowhere else, even
 * if the lost host comes back in that very moment.
 */
export class LostHosts {
  readonly #parts: LostHostsParts;
  readonly #hosts: Controller;
  readonly #pods: Controller;
  /** Hosts that had no lease when this leader began. */
  readonly #away = new Set<string>();
  /** The present hold, and when this leader first saw it, on the monotonic clock. */
  #hold = { untilMs: 0, seenMs: 0 };

  constructor(parts: LostHostsParts) {
    this.#parts = parts;
    const { clock, logger } = parts;
    this.#hosts = new Controller({
      name: 'lost-hosts',
      reconcile: (name) => this.#mark(name),
      clock,
      logger,
    });
    this.#pods = new Controller({ name: 'lost-pods', reconcile: (uid) => this.#meet(uid), clock, logger });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { tables, leases } = this.#parts;
    const look = (host: string): void => {
      this.#hosts.enqueue(host);
      if (this.#isLost(host)) {
        for (const pod of tables.pods.cache.by('host', host)) this.#pods.enqueue(pod.meta.uid);
      }
    };
    const unsubscribe = [
      leases.subscribe(look),
      tables.hosts.cache.subscribe((changes) => {
        for (const { before, after } of changes) {
          const name = (after ?? before)?.meta.name;
          if (name !== undefined && after?.status.lostAt !== before?.status.lostAt) look(name);
          else if (name !== undefined && (!before || !after)) look(name);
        }
      }),
      tables.pods.cache.subscribe((changes) => {
        for (const { after } of changes) {
          if (after && this.#isLost(after.spec.host)) this.#pods.enqueue(after.meta.uid);
        }
      }),
    ];
    await leases.ready();
    const named = tables.pods.cache.list().flatMap(({ spec }) => spec.host ?? []);
    for (const host of new Set([...named, ...tables.hosts.cache.list().map(({ meta }) => meta.name)])) {
      if (!leases.has(host)) this.#away.add(host);
      look(host);
    }
    await Promise.all([this.#hosts.run(signal), this.#pods.run(signal)]);
    for (const stop of unsubscribe) stop();
  }

  /** Whether the pods of lost hosts may be replaced now: not while so many are away that it may be us who are cut off. */
  mayMove(): boolean {
    return this.#pace().moves !== 'held';
  }

  /** Whoever had them as lost may go by another wall clock: no hold is longer here than a hold is. */
  #pace(): Pace {
    const { tables, leases, clock, limits } = this.#parts;
    // Those whose leases ended in one moment are judged together, though they are marked one after the other.
    const lostAt = new Date(clock.now()).toISOString();
    const hosts = tables.hosts.cache
      .list()
      .map((host) => (leases.has(host.meta.name) ? host : { ...host, status: { lostAt, ...host.status } }));
    const pace = paceOf(hosts, clock.now(), limits);
    if (pace.moves !== 'held') return pace;
    const nowMs = clock.monotonic();
    if (this.#hold.untilMs !== pace.untilMs) this.#hold = { untilMs: pace.untilMs, seenMs: nowMs };
    const leftMs = Math.min(pace.untilMs - clock.now(), this.#hold.seenMs + limits.massLossHoldMs - nowMs);
    return leftMs > 0 ? { moves: 'held', untilMs: clock.now() + leftMs } : { moves: 'slow' };
  }

  /** It was marked as lost, or taken out of the cloud. */
  #isLost(name: string | undefined): name is string {
    if (name === undefined || this.#parts.leases.has(name)) return false;
    const host = this.#parts.tables.hosts.get(hostKey(name));
    return host === undefined || host.status.lostAt !== undefined;
  }

  /** Writes down whether a host is lost; that it is ready again it says itself. */
  async #mark(name: string): Promise<Reconciled> {
    const { tables, leases, heldSinceMs, clock, logger, limits } = this.#parts;
    const held = leases.has(name);
    const change = (host: Host): Host | undefined => {
      const { lostAt, ...status } = host.status;
      if (held) return lostAt === undefined ? undefined : { ...host, status };
      if (lostAt !== undefined && !status.ready) return undefined;
      const since = lostAt ?? new Date(clock.now()).toISOString();
      return { ...host, status: { ...status, ready: false, lostAt: since } };
    };
    const present = tables.hosts.get(hostKey(name));
    if (!present || !change(present)) return undefined;
    // If we were cut off, so were others: who comes back first must not take everything.
    const waitMs = heldSinceMs() + limits.returnMs - clock.monotonic();
    if (!held && waitMs > 0 && this.#away.has(name) && present.status.lostAt === undefined) {
      return { againMs: Math.min(waitMs, limits.returnMs) };
    }
    await whileThere(async () => {
      await tables.hosts.mutate(present.meta, change, [{ ...noLease(name), is: held }]);
      logger.warn({ host: name }, held ? 'a lost host is back' : 'a host is lost');
    });
    return undefined;
  }

  async #meet(uid: string): Promise<Reconciled> {
    const { tables, budget, clock, logger, limits } = this.#parts;
    const pod = tables.pods.cache.byUid(uid);
    const host = pod?.spec.host;
    if (!pod || !this.#isLost(host)) return undefined;
    const fate = fateOf(pod, this.#volumeOf);
    if (fate.do === 'nothing') return undefined;
    if (fate.do === 'move') {
      const pace = this.#pace();
      if (pace.moves === 'held') return { againMs: pace.untilMs - clock.now() };
      const waitMs = budget.take(pace.moves === 'slow' ? limits.massLossMovesPerS : limits.movesPerS);
      if (waitMs > 0) return { againMs: waitMs };
    }
    await whileThere(async () => {
      await tables.pods.mutate(
        pod.meta,
        (present) => {
          if (present.meta.uid !== uid || present.spec.host !== host) return undefined;
          return meetFate(present, fateOf(present, this.#volumeOf), clock.now());
        },
        [noLease(host)],
      );
      logger.info({ pod: pod.meta.name, host, fate: fate.do }, 'met the loss of a host');
    });
    return undefined;
  }

  readonly #volumeOf = (pod: Pod, name: string): Volume | undefined =>
    this.#parts.tables.volumes.get({ ...pod.meta, name });
}

function hostKey(name: string): { tenant: string; namespace: string; name: string } {
  return { tenant: defaultTenant, namespace: defaultNamespace, name };
}

function noLease(host: string): Compare & { target: 'exists' } {
  return { key: hostLeaseKey(host), target: 'exists', is: false };
}

/** The resource is gone by now, or the lease is another: either brings the loop back if there is still something to do. */
async function whileThere(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (codeOf(error) !== 'not-found' && codeOf(error) !== 'conflict') throw error;
  }
}
