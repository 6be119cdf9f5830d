import { isDeepStrictEqual } from 'node:util';
import { assert, type Clock, codeOf, KraudError, type Logger } from '@kraud/base';
import { type Host, type Pod, type Workload, workloadFinalizer, workloadLabels } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';
import { checkWorkloadPlan } from '../workloads/check.ts';
import { isOver } from '../workloads/member.ts';
import { orderedName } from '../workloads/names.ts';
import { next } from '../workloads/next.ts';
import { podFor } from '../workloads/pod.ts';
import type { WorkloadPlan, WorkloadSeen } from '../workloads/seen.ts';
import { Controller, type Reconciled } from './controller.ts';
import { jobsOf, reconcileCron } from './cron.ts';

/** Writes that are under way at a time for one workload. */
const writesMax = 32;

export interface WorkloadParts {
  readonly tables: Pick<Tables, 'pods' | 'hosts' | 'workloads'>;
  /** Makes the volumes that a pod names and that are missing; those of its own belong to it. Safe to repeat. */
  readonly makeVolumes: (pod: Pod) => Promise<void>;
  /** False while so many hosts are away that their pods are not to be replaced yet. */
  readonly mayMove: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Makes the pods of every workload as its spec says: has a plan made and checked, and carries it out. The plan is made
 * anew whenever the workload, one of its pods or a host changes.
 */
export class WorkloadController {
  readonly #parts: WorkloadParts;
  readonly #controller: Controller;
  readonly #endSeenMs = new Map<string, number>();

  constructor(parts: WorkloadParts) {
    this.#parts = parts;
    this.#controller = new Controller({
      name: 'workload',
      reconcile: (uid) => this.#reconcile(uid),
      clock: parts.clock,
      logger: parts.logger,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pods, hosts, workloads } = this.#parts.tables;
    const lookAtAll = (): void => {
      for (const { meta } of workloads.everywhere()) this.#controller.enqueue(meta.uid);
    };
    const unsubscribe = [
      pods.cache.subscribe((changes) => {
        for (const { before, after } of changes) {
          if (!after && before) this.#endSeenMs.delete(before.meta.uid);
          const owner = ownerOf(after ?? before);
          if (owner !== undefined) this.#controller.enqueue(owner);
        }
      }),
      workloads.cache.subscribe((changes) => {
        for (const { before, after } of changes) {
          const workload = after ?? before;
          if (workload) this.#controller.enqueue(workload.meta.uid);
          const owner = ownerOf(workload);
          if (owner !== undefined) this.#controller.enqueue(owner);
        }
      }),
      hosts.cache.subscribe((changes) => {
        if (changes.some(({ before, after }) => !isDeepStrictEqual(factsOf(before), factsOf(after))))
          lookAtAll();
      }),
    ];
    lookAtAll();
    for (const owner of pods.everywhere().flatMap((pod) => ownerOf(pod) ?? []))
      this.#controller.enqueue(owner);
    await this.#controller.run(signal);
    for (const stop of unsubscribe) stop();
  }

  async #reconcile(uid: string): Promise<Reconciled> {
    const { tables, clock } = this.#parts;
    const pods = await this.#podsOf(uid);
    const workload = tables.workloads.cache.byUid(uid);
    if (workload?.spec.mode.type === 'cron') return await reconcileCron(tables, workload, clock.now());
    const seen = this.#look(pods, workload);
    if (!workload) {
      await this.#clearUp(uid, pods);
      return undefined;
    }
    const plan = next({ ...seen, workload });
    const faults = checkWorkloadPlan(plan, { ...seen, workload });
    assert(faults.length === 0, `a plan that breaks its rules: ${faults.join('; ')}`);
    if (!(await this.#write(workload, plan))) return undefined;
    await this.#each(plan.create, async (order) => await this.#create(podFor(workload, order, seen.nowMs)));
    await this.#each(plan.stop, (pod) => this.#stop(pod));
    await this.#each(plan.remove, (pod) => this.#remove(pod));
    return plan.againMs === undefined ? undefined : { againMs: plan.againMs };
  }

  /** With what they rest on: a pod's host or workload may be too new for our caches, and would seem to be gone. */
  async #podsOf(uid: string): Promise<readonly Pod[]> {
    const { pods, hosts, workloads } = this.#parts.tables;
    const own = pods.cache
      .by('label', `${workloadLabels.owner}=${uid}`)
      .filter(({ meta }) => meta.owner?.uid === uid);
    const revision = Math.max(0, ...own.map(({ meta }) => meta.revision ?? 0));
    await Promise.all([hosts.cache.reached(revision), workloads.cache.reached(revision)]);
    return own;
  }

  #look(pods: readonly Pod[], workload: Workload | undefined): Omit<WorkloadSeen, 'workload'> {
    const { tables, clock, mayMove } = this.#parts;
    const nowMs = clock.now();
    for (const pod of pods) {
      const { uid } = pod.meta;
      if (!isOver(pod)) this.#endSeenMs.delete(uid);
      // The clock may have been set back since.
      else this.#endSeenMs.set(uid, Math.min(this.#endSeenMs.get(uid) ?? nowMs, nowMs));
    }
    return {
      pods,
      hosts: tables.hosts.cache.list(),
      nowMs,
      endSeenMs: this.#endSeenMs,
      mayMove: mayMove(),
      taken: workload ? this.#taken(workload) : new Set(),
    };
  }

  /** Names of an ordered workload that other pods have. */
  #taken({ meta, spec }: Workload): ReadonlySet<string> {
    if (spec.mode.type !== 'ordered') return new Set();
    const names = Array.from({ length: spec.mode.replicas }, (_, index) =>
      orderedName(meta.name, String(index)),
    );
    return new Set(
      names.filter((name) => {
        const holder = this.#parts.tables.pods.get({ ...meta, name });
        return holder !== undefined && holder.meta.owner?.uid !== meta.uid;
      }),
    );
  }

  /** False if the workload is another by now, or is gone: then the plan is void, and another will come. */
  async #write(workload: Workload, plan: WorkloadPlan): Promise<boolean> {
    const { workloads } = this.#parts.tables;
    let holds = false;
    try {
      await workloads.mutate(workload.meta, (present) => {
        holds = present.meta.revision === workload.meta.revision;
        if (!holds) return undefined;
        if (plan.finished) {
          present.meta.finalizers = present.meta.finalizers.filter((name) => name !== workloadFinalizer);
        }
        const { rollback, status } = plan;
        return {
          ...present,
          ...(rollback
            ? {
                meta: { ...present.meta, labels: rollback.labels ?? present.meta.labels },
                spec: rollback.spec,
                given: rollback.given,
              }
            : {}),
          status,
        };
      });
    } catch (error) {
      if (codeOf(error) !== 'not-found') throw error;
      return false;
    }
    return holds;
  }

  async #create(pod: Pod): Promise<void> {
    const { tables, makeVolumes } = this.#parts;
    await makeVolumes(pod);
    try {
      await tables.pods.create(pod);
    } catch (error) {
      if (codeOf(error) !== 'exists') throw error;
      const holder = tables.pods.get(pod.meta);
      if (holder?.meta.owner?.uid === pod.meta.owner?.uid) return;
      throw new KraudError('exists', `the name ${pod.meta.name} is taken`, { cause: error });
    }
  }

  /** From here on nobody sends it anything new. */
  async #stop(pod: Pod): Promise<void> {
    await this.#mutate(pod, (present) => {
      if (present.spec.run.wanted === 'stopped') return undefined;
      present.spec.run = { wanted: 'stopped', serial: present.spec.run.serial, stoppedByUser: false };
      return present;
    });
  }

  async #remove(pod: Pod): Promise<void> {
    if (pod.meta.deletedAt !== undefined) return;
    await this.#parts.tables.pods.delete(pod.meta, { uid: pod.meta.uid });
  }

  /** Pods, and jobs, whose workload is gone without them. */
  async #clearUp(uid: string, pods: readonly Pod[]): Promise<void> {
    const { tables } = this.#parts;
    await this.#each(pods, (pod) => this.#remove(pod));
    await this.#each(jobsOf(tables, uid), ({ meta }) => tables.workloads.delete(meta, { uid: meta.uid }));
  }

  async #mutate(pod: Pod, change: (present: Pod) => Pod | undefined): Promise<void> {
    try {
      await this.#parts.tables.pods.mutate(pod.meta, (present) =>
        present.meta.uid === pod.meta.uid ? change(present) : undefined,
      );
    } catch (error) {
      if (codeOf(error) !== 'not-found') throw error;
    }
  }

  async #each<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
    for (let start = 0; start < all.length; start += writesMax) {
      await Promise.all(all.slice(start, start + writesMax).map(work));
    }
  }
}

function ownerOf(owned: Pod | Workload | undefined): string | undefined {
  return owned?.meta.owner?.kind === 'Workload' ? owned.meta.owner.uid : undefined;
}

/** What a plan may rest on; the rest of a host changes with every heartbeat. */
function factsOf(host: Host | undefined): unknown {
  if (!host) return undefined;
  const { ready, lostAt, architecture } = host.status;
  return {
    labels: host.meta.labels,
    deletedAt: host.meta.deletedAt,
    spec: host.spec,
    ready,
    lostAt,
    architecture,
  };
}
