import { KraudError, newId } from '@kraud/base';
import {
  type CloudCa,
  type Host,
  type Hosts,
  type JoinWish,
  type Pod,
  type PodDraft,
  previousOf,
  type Swarm,
  type Swarms,
  versionOf,
  type Workload,
  type WorkloadDraft,
  type Workloads,
} from '@kraud/cloud';
import { sampleHost, sampleMeta } from '@kraud/macro/samples';
import { buildPod, createdAt } from './builders.ts';
import { testRoot } from './ca.ts';

export function buildHost(name: string, uid: string, spec: Partial<Host['spec']> = {}): Host {
  const host = sampleHost(name, { memoryBytes: 1_000_000, architecture: 'amd64', heartbeatAt: createdAt });
  const meta = { ...host.meta, uid, createdAt };
  return { ...host, meta, spec: { ...host.spec, ...spec } };
}

/** A workload as the cloud would make it of a draft, without its policy. Its controller has seen it. */
export function buildWorkload(draft: WorkloadDraft, uid: string, generation = 1): Workload {
  const pod = buildPod(
    { ...draft.pod, name: '', restart: { name: 'no', retriesMax: 0 }, autoRemove: false },
    uid,
  );
  const { run: _, restart: __, autoRemove: ___, ...podSpec } = pod.spec;
  const spec: Workload['spec'] = {
    mode: draft.mode,
    ...(draft.endpoint === undefined ? {} : { endpoint: draft.endpoint }),
    template: {
      labels: draft.pod.labels,
      annotations: {},
      templated: draft.templated,
      spec: podSpec,
      given: draft.pod.given,
    },
    update: draft.update,
    rollback: draft.rollback,
    restart: draft.restart,
    revisionsKept: draft.revisionsKept ?? 10,
    endedKept: draft.endedKept ?? 5,
    force: draft.force,
    jobIteration: 0,
    rollsBack: false,
  };
  const revision = { number: generation, hash: `h${generation}`, spec, given: draft.given, createdAt };
  return {
    kind: 'Workload',
    meta: sampleMeta('Workload', draft.name, {
      uid,
      labels: draft.labels,
      annotations: draft.annotations,
      generation,
      createdAt,
    }),
    spec,
    status: {
      generation,
      revisions: [revision],
      slots: [],
      attempts: {},
      desired: draft.mode.type === 'replicated' ? draft.mode.replicas : 1,
      running: 0,
      ready: 0,
      updated: 0,
      iteration: 0,
      done: [],
      succeeded: 0,
      failed: 0,
      givenUp: {},
      message: '',
    },
    given: draft.given,
  };
}

/** A swarm, its nodes and services in memory. Nothing makes pods of them: tests do, with `addTask`. */
export class FakeSwarm {
  readonly hosts = [buildHost('alpha', '1a'.repeat(32)), buildHost('beta', '2b'.repeat(32))];
  readonly workloads = new Map<string, Workload>();
  readonly drafts: WorkloadDraft[] = [];
  readonly #pods: Map<string, Pod>;
  swarm: Swarm | undefined;
  readonly wishes: JoinWish[] = [];
  joined = false;
  ca: CloudCa = { root: testRoot, trusted: [testRoot] };
  readonly rotations: ({ cert: string; key: string } | 'new')[] = [];
  /** By force or not, each time that the host left. */
  readonly left: boolean[] = [];

  constructor(pods: Map<string, Pod>) {
    this.#pods = pods;
  }

  addTask(workload: Workload, slot: string, change: Partial<Pod['status']> & { host?: string } = {}): Pod {
    const { host, ...status } = change;
    const { template } = workload.spec;
    const draft = {
      ...this.drafts.at(-1)?.pod,
      name: '',
      restart: { name: 'no', retriesMax: 0 },
    } as PodDraft;
    const pod = buildPod(draft, newId());
    const made: Pod = {
      ...pod,
      meta: {
        ...pod.meta,
        labels: {
          ...template.labels,
          'kr.workload': workload.meta.uid,
          'kr.slot': slot,
          'kr.revision-hash': workload.status.revisions.at(-1)?.hash ?? '',
        },
      },
      spec: {
        ...pod.spec,
        ...(host === undefined ? {} : { host }),
        run: { ...pod.spec.run, wanted: 'running' },
      },
      status: { ...pod.status, ...status },
    };
    this.#pods.set(made.meta.uid, made);
    return made;
  }

  get hostCases(): Partial<Hosts> {
    const find = (ref: string): Host => {
      const host = this.hosts.find(({ meta }) => meta.name === ref);
      if (!host) throw new KraudError('not-found', `no host ${ref}`);
      return host;
    };
    return {
      list: async () => this.hosts,
      self: async () => find('alpha'),
      join: async (_c, wish) => {
        if (wish.token === 'wrong') throw new KraudError('unauthenticated', 'wrong');
        if (wish.token === 'late') throw new KraudError('timeout', 'late');
        this.wishes.push(wish);
        return async () => {
          this.joined = true;
        };
      },
      leave: async (_c, { force }) => void this.left.push(force),
      ca: async () => this.ca,
      caRotation: async (_c, given) => {
        if (given?.key === 'wrong')
          throw new KraudError('invalid', 'the CA key does not belong to the CA certificate');
        return async () => void this.rotations.push(given ?? 'new');
      },
      joinToken: async () => {
        throw new KraudError('conflict', 'this host listens for no others');
      },
      update: async (_c, ref, { labels = {}, ...spec }) => {
        const present = find(ref);
        const host = structuredClone(present);
        this.hosts[this.hosts.indexOf(present)] = host;
        for (const [name, value] of Object.entries(labels)) {
          if (value === undefined) delete host.meta.labels[name];
          else host.meta.labels[name] = value;
        }
        host.spec = { ...host.spec, ...spec };
        return host;
      },
    };
  }

  get swarmCases(): Swarms {
    return {
      get: async () => this.swarm,
      begin: async (_c, wish, pool) => {
        if (this.swarm) throw new KraudError('conflict', 'this node is already part of a swarm');
        this.swarm = {
          uid: newId(),
          createdAt,
          updatedAt: createdAt,
          version: 1,
          ...wish,
          ...(pool ? { pool } : {}),
        };
        return this.swarm;
      },
      update: async (_c, wish, version) => {
        if (this.swarm?.version !== version) throw new KraudError('conflict', 'update out of sequence');
        this.swarm = { ...this.swarm, ...wish, version: version + 1 };
        return this.swarm;
      },
      end: async () => {
        this.swarm = undefined;
      },
    };
  }

  get workloadCases(): Workloads {
    const find = (ref: string): Workload => {
      const found = [...this.workloads.values()].find(({ meta }) => meta.name === ref || meta.uid === ref);
      if (!found) throw new KraudError('not-found', `service ${ref} not found`);
      return found;
    };
    const put = (workload: Workload): Workload => {
      this.workloads.set(workload.meta.uid, workload);
      return workload;
    };
    const checked = (ref: string, version: number): Workload => {
      const found = find(ref);
      if (versionOf(found) !== version) throw new KraudError('conflict', 'update out of sequence');
      return found;
    };
    const replaced = (old: Workload, next: Workload): Workload => {
      const { previous: _, ...given } = old.given;
      const wanted = { spec: old.spec, given, labels: old.meta.labels, annotations: {} };
      return put({ ...next, given: { ...next.given, previous: wanted } });
    };
    return {
      freeName: async () => 'free_name',
      create: async (_c, draft) => {
        this.drafts.push(draft);
        return { workload: put(buildWorkload(draft, newId())), warnings: [] };
      },
      get: async (_c, ref) => find(ref),
      list: async () => [...this.workloads.values()],
      pods: async (_c, ref) =>
        [...this.#pods.values()].filter(({ meta }) => meta.labels['kr.workload'] === find(ref).meta.uid),
      update: async (_c, ref, draft, version) => {
        const old = checked(ref, version);
        this.drafts.push(draft);
        const next = buildWorkload(draft, old.meta.uid, old.meta.generation + 1);
        return { workload: replaced(old, next), warnings: [] };
      },
      rollback: async (_c, ref, version) => {
        const old = checked(ref, version);
        const previous = previousOf(old);
        if (!previous) throw new KraudError('conflict', 'no previous spec');
        const meta = { ...old.meta, generation: old.meta.generation + 1 };
        return replaced(old, { ...old, meta, spec: previous.spec, given: previous.given });
      },
      findImage: async () => true,
      remove: async (_c, ref) => void this.workloads.delete(find(ref).meta.uid),
    };
  }
}
