import { SeededRandom } from '@kraud/base';
import {
  type Host,
  newWorkloadStatus,
  type Pod,
  type Workload,
  type WorkloadSpec,
  workloadFinalizer,
} from '../model/index.ts';
import { sampleHost, sampleMeta, samplePod } from '../model/samples.ts';
import { checkWorkloadPlan } from './check.ts';
import { isLive, isOver, memberOf } from './member.ts';
import { next } from './next.ts';
import { podFor } from './pod.ts';
import type { WorkloadPlan, WorkloadSeen } from './seen.ts';

/** How a pod behaves once it runs: until it is stopped, unless it says when and how it ends. */
export interface Behaviour {
  readonly lastsMs?: number;
  readonly code?: number;
  /** Its program can't be started. */
  readonly fails?: boolean;
  readonly health?: 'healthy' | 'unhealthy' | 'starting';
}

const policy = {
  parallelism: 1,
  delayMs: 0,
  order: 'stop-first',
  onFailure: 'pause',
  monitorMs: 5000,
  maxFailureRatio: 0,
} as const;

export function sampleSpec(more: Partial<WorkloadSpec> = {}, arg = 'v1'): WorkloadSpec {
  const { run: _run, host: _host, restart: _restart, autoRemove: _autoRemove, ...spec } = samplePod('').spec;
  const containers = spec.containers.map((container) => ({ ...container, args: ['/bin/app', arg] }));
  return {
    mode: { type: 'replicated', replicas: 2 },
    template: { labels: {}, annotations: {}, templated: false, spec: { ...spec, containers }, given: {} },
    update: policy,
    rollback: policy,
    restart: { condition: 'any', delayMs: 5000, attemptsMax: 0, windowMs: 0 },
    revisionsKept: 10,
    endedKept: 4,
    force: 0,
    jobIteration: 0,
    rollsBack: false,
    ...more,
  };
}

/**
 * A cloud of plain data for tests of plans: hosts that run what is bound to them, a clock that moves by seconds, and a
 * log of what was done: `3s create 1#2 v2` is the second pod of slot 1, of the second revision, made after 3 seconds.
 */
export class WorkloadSim {
  workload: Workload | undefined;
  pods = new Map<string, Pod>();
  hosts: Host[];
  nowMs = Date.parse('2026-01-01T00:00:00.000Z');
  readonly log: string[] = [];
  readonly random: SeededRandom;
  behaves: (pod: Pod) => Behaviour = () => ({});
  mayMove = true;
  taken = new Set<string>();
  readonly #startMs = this.nowMs;
  readonly #endSeenMs = new Map<string, number>();

  constructor(spec: WorkloadSpec, options: { hosts?: readonly string[]; seed?: number } = {}) {
    this.hosts = (options.hosts ?? ['alpha', 'beta', 'gamma']).map((name) => sampleHost(name));
    this.random = new SeededRandom(options.seed ?? 1);
    this.workload = {
      kind: 'Workload',
      meta: sampleMeta('Workload', 'web', { finalizers: [workloadFinalizer] }),
      spec,
      status: newWorkloadStatus(),
      given: {},
    };
  }

  get status() {
    return this.workload?.status ?? newWorkloadStatus();
  }

  get live(): Pod[] {
    const hosts = new Map(this.hosts.map((host) => [host.meta.name, host]));
    return [...this.pods.values()].filter((pod) => isLive(memberOf(pod, hosts, this.mayMove)));
  }

  /** `1#2 running alpha`, in the order of slots and attempts; ended ones too. */
  get shown(): string[] {
    return [...this.pods.values()]
      .map((pod) => `${nameOf(pod)} ${isOver(pod) ? 'ended' : pod.status.phase} ${pod.spec.host ?? '-'}`)
      .sort();
  }

  change(spec: Partial<WorkloadSpec>): void {
    if (!this.workload) return;
    const { meta } = this.workload;
    this.workload = {
      ...this.workload,
      meta: { ...meta, generation: meta.generation + 1 },
      spec: { ...this.workload.spec, rollsBack: false, ...spec },
    };
  }

  delete(): void {
    if (this.workload) this.workload.meta = { ...this.workload.meta, deletedAt: this.#at() };
  }

  host(name: string, change: (host: Host) => void): void {
    this.hosts = this.hosts.map((host) => {
      if (host.meta.name !== name) return host;
      const copy = structuredClone(host);
      change(copy);
      return copy;
    });
  }

  lose(name: string): void {
    this.host(name, (host) => {
      host.status.ready = false;
      host.status.lostAt = this.#at();
    });
  }

  /** It is back: what was to be removed is, and what ran there is over. */
  regain(name: string): void {
    this.host(name, (host) => {
      host.status.ready = true;
      delete host.status.lostAt;
    });
    for (const pod of this.pods.values()) {
      if (pod.spec.host === name && pod.status.phase === 'running') this.#end(pod, 137);
    }
  }

  edit(pod: Pod, change: (pod: Pod) => void): void {
    const copy = structuredClone(pod);
    change(copy);
    this.pods.set(pod.meta.uid, copy);
  }

  plan(): { plan: WorkloadPlan; seen: WorkloadSeen } | undefined {
    if (!this.workload) return undefined;
    for (const pod of this.pods.values()) {
      if (isOver(pod) && !this.#endSeenMs.has(pod.meta.uid)) this.#endSeenMs.set(pod.meta.uid, this.nowMs);
    }
    const seen: WorkloadSeen = {
      workload: this.workload,
      pods: [...this.pods.values()],
      hosts: this.hosts,
      nowMs: this.nowMs,
      endSeenMs: this.#endSeenMs,
      mayMove: this.mayMove,
      taken: this.taken,
    };
    const plan = next(seen);
    const faults = checkWorkloadPlan(plan, seen);
    if (faults.length > 0)
      throw new Error(`at ${this.#clock()}: ${faults.join('; ')}\n${this.log.join('\n')}`);
    return { plan, seen };
  }

  /** Carries a plan out, or only its first `writes`. */
  apply(plan: WorkloadPlan, writes = Number.POSITIVE_INFINITY): void {
    let left = writes;
    const steps: (() => void)[] = [
      () => this.#writeStatus(plan),
      ...plan.create.map((order) => () => this.#create(order)),
      ...plan.stop.map((pod) => () => this.#stop(pod)),
      ...plan.remove.map((pod) => () => this.#remove(pod)),
    ];
    for (const step of steps) {
      if (left <= 0) return;
      left -= 1;
      step();
    }
  }

  /** Hosts do what they are to do: bind, start, end, take away. */
  runHosts(): void {
    for (const pod of this.pods.values()) {
      const host = this.hosts.find(({ meta }) => meta.name === pod.spec.host);
      if (pod.spec.host === undefined) {
        if (pod.meta.deletedAt !== undefined) this.pods.delete(pod.meta.uid);
        else if (pod.spec.run.wanted === 'running') this.#bind(pod);
        continue;
      }
      if (!host || host.status.lostAt !== undefined) continue;
      this.#run(pod);
    }
  }

  /** Lets so much time pass, second by second. */
  pass(seconds: number): void {
    for (let second = 0; second < seconds; second += 1) {
      this.settle();
      this.nowMs += 1000;
    }
    this.settle();
  }

  /** All that happens without time. */
  settle(): void {
    for (let round = 0; round < 100; round += 1) {
      const before = JSON.stringify([this.workload, [...this.pods]]);
      const made = this.plan();
      if (made) this.apply(made.plan);
      this.runHosts();
      if (JSON.stringify([this.workload, [...this.pods]]) === before) return;
    }
    throw new Error(`it never settles:\n${this.log.slice(-40).join('\n')}`);
  }

  #writeStatus({ status, rollback, finished }: WorkloadPlan): void {
    if (!this.workload) return;
    const before = this.workload.status.update;
    const { update } = status;
    if (update && (update.state !== before?.state || update.message !== before.message)) {
      this.#tell(`${update.state}: ${update.message.replace(/ task .*/, ' task')}`);
    }
    if (rollback) {
      const { meta } = this.workload;
      const labels = rollback.labels ?? meta.labels;
      this.workload.meta = { ...meta, labels, generation: meta.generation + 1 };
    }
    this.workload = {
      ...this.workload,
      status,
      ...(rollback ? { spec: rollback.spec, given: rollback.given } : {}),
    };
    if (finished) {
      this.#tell('gone');
      this.workload = undefined;
    }
  }

  #create(order: WorkloadPlan['create'][number]): void {
    if (!this.workload) return;
    const pod = podFor(this.workload, order, this.nowMs);
    if ([...this.pods.values()].some(({ meta }) => meta.name === pod.meta.name)) return;
    this.#tell(`create ${nameOf(pod)} v${order.revision.number}`);
    this.pods.set(pod.meta.uid, pod);
  }

  #stop({ meta: { uid } }: Pod): void {
    const pod = this.pods.get(uid);
    if (!pod) return;
    this.#tell(`stop ${nameOf(pod)}`);
    this.edit(pod, ({ spec }) => {
      spec.run = { ...spec.run, wanted: 'stopped' };
    });
  }

  #remove({ meta: { uid } }: Pod): void {
    const pod = this.pods.get(uid);
    if (!pod || pod.meta.deletedAt !== undefined) return;
    this.#tell(`remove ${nameOf(pod)}`);
    this.edit(pod, ({ meta }) => {
      meta.deletedAt = this.#at();
    });
  }

  #bind(pod: Pod): void {
    const named = pod.spec.placement?.constraints.find(({ key }) => key === 'kr.host')?.values[0];
    const load = (host: Host): number =>
      [...this.pods.values()].filter((other) => other.spec.host === host.meta.name && !isOver(other)).length;
    const [host] = this.hosts
      .filter(({ spec, status }) => status.ready && !status.lostAt && !spec.cordoned && !spec.drained)
      .filter(({ meta }) => named === undefined || meta.name === named)
      .sort((a, b) => load(a) - load(b));
    if (host) {
      this.edit(pod, ({ spec }) => {
        spec.host = host.meta.name;
      });
    }
  }

  #run(pod: Pod): void {
    const { phase } = pod.status;
    const { lastsMs, code = 0, fails, health } = this.behaves(pod);
    if (pod.meta.deletedAt !== undefined) this.pods.delete(pod.meta.uid);
    else if (phase === 'created' && pod.spec.run.wanted === 'stopped') this.#end(pod, 0, false);
    else if (phase === 'created' && pod.status.serial === 0) {
      if (fails) this.#end(pod, 127, false);
      else this.#begin(pod);
    } else if (phase === 'running') {
      const startedMs = Date.parse(pod.status.containers[0]?.startedAt ?? '');
      if (pod.spec.run.wanted === 'stopped') this.#end(pod, 143);
      else if (lastsMs !== undefined && startedMs + lastsMs <= this.nowMs) this.#end(pod, code);
      else if (health !== undefined && pod.status.containers[0]?.health?.status !== health) {
        this.edit(pod, ({ status }) => {
          for (const container of status.containers)
            container.health = { status: health, failingStreak: 0, log: [] };
        });
      }
    }
  }

  #begin(pod: Pod): void {
    this.edit(pod, ({ status }) => {
      status.phase = 'running';
      status.serial = 1;
      const startedAt = this.#at();
      status.containers = [
        { name: 'main', state: 'running', startedAt, exitCode: 0, oomKilled: false, error: '' },
      ];
    });
  }

  #end(pod: Pod, exitCode: number, ran = true): void {
    if (pod.spec.run.wanted === 'running') this.#tell(`${nameOf(pod)} ended with ${exitCode}`);
    this.edit(pod, ({ status }) => {
      status.phase = 'exited';
      status.serial = 1;
      const [was] = status.containers;
      const finishedAt = this.#at();
      status.containers = [
        {
          name: 'main',
          state: 'exited',
          exitCode,
          oomKilled: false,
          error: '',
          ...(ran ? { ...was, exitCode, finishedAt } : {}),
        },
      ];
    });
  }

  #tell(text: string): void {
    this.log.push(`${this.#clock()} ${text}`);
  }

  #clock(): string {
    return `${(this.nowMs - this.#startMs) / 1000}s`;
  }

  #at(): string {
    return new Date(this.nowMs).toISOString();
  }
}

/** `1#2`: the second pod of slot 1. */
export function nameOf({ meta }: Pod): string {
  return `${meta.labels['kr.slot']}#${meta.labels['kr.attempt']}`;
}
