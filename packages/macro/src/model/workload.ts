import { type Static, Type } from 'typebox';
import { Meta } from './meta.ts';
import { PodSpec } from './pod.ts';

/**
 * What each pod of a workload is made from. The controller gives it a name, labels of its own, a host where the mode
 * says which, and `run`; all else is copied. Go templates in the places that Docker names (`{{.Task.Slot}}` and the
 * like in env, hostname and mounts) are filled in then, when `templated`.
 */
export const PodTemplate = Type.Object({
  labels: Type.Record(Type.String(), Type.String()),
  annotations: Type.Record(Type.String(), Type.String()),
  templated: Type.Boolean(),
  spec: Type.Omit(PodSpec, ['run', 'host', 'restart', 'autoRemove']),
  given: Type.Record(Type.String(), Type.Unknown()),
  /**
   * While its image (`noImage`) can't be had: what was asked, for the template to be made of once it can. No pod of it
   * can start.
   */
  asked: Type.Optional(Type.Unknown()),
});
export type PodTemplate = Static<typeof PodTemplate>;

const JobMode = {
  /** Runs that must end with code 0, in all. */
  completions: Type.Integer({ minimum: 0 }),
  /** At once. */
  parallelism: Type.Integer({ minimum: 0 }),
};

/**
 * | mode       | pods                                                        |
 * | ---------- | ----------------------------------------------------------- |
 * | replicated | so many, alike, in numbered slots from 1                     |
 * | global     | one on each host that its placement lets it run on          |
 * | job        | until so many have succeeded                                |
 * | global-job | one run to success on each host                             |
 * | cron       | a job (a Workload of its own, owned by this one) at each time of a schedule |
 * | ordered    | as replicated, from 0, with stable names, one after the other |
 */
export const WorkloadMode = Type.Union([
  Type.Object({ type: Type.Literal('replicated'), replicas: Type.Integer({ minimum: 0 }) }),
  Type.Object({ type: Type.Literal('global') }),
  Type.Object({ type: Type.Literal('job'), ...JobMode }),
  Type.Object({ type: Type.Literal('global-job') }),
  Type.Object({
    type: Type.Literal('cron'),
    /** Five fields. */
    schedule: Type.String(),
    timeZone: Type.Optional(Type.String()),
    suspended: Type.Boolean(),
    /** When the run before still goes on. */
    overlap: Type.Union([Type.Literal('allow'), Type.Literal('forbid'), Type.Literal('replace')]),
    startingDeadlineMs: Type.Optional(Type.Integer({ minimum: 0 })),
    succeededKept: Type.Integer({ minimum: 0 }),
    failedKept: Type.Integer({ minimum: 0 }),
    ...JobMode,
  }),
  Type.Object({
    type: Type.Literal('ordered'),
    replicas: Type.Integer({ minimum: 0 }),
    /** All at once instead of one after the other. */
    parallel: Type.Boolean(),
  }),
]);
export type WorkloadMode = Static<typeof WorkloadMode>;

/** How pods are replaced by those of another revision. */
export const UpdatePolicy = Type.Object({
  /** Slots at a time; 0 = all. */
  parallelism: Type.Integer({ minimum: 0 }),
  delayMs: Type.Integer({ minimum: 0 }),
  order: Type.Union([Type.Literal('stop-first'), Type.Literal('start-first')]),
  onFailure: Type.Union([Type.Literal('pause'), Type.Literal('continue'), Type.Literal('rollback')]),
  /** A new pod that fails within this time after its start counts as a failure of the update. */
  monitorMs: Type.Integer({ minimum: 0 }),
  /** Tolerated share of failed slots, 0 to 1. */
  maxFailureRatio: Type.Number({ minimum: 0, maximum: 1 }),
});
export type UpdatePolicy = Static<typeof UpdatePolicy>;

/** What becomes of a slot whose pod ended. A pod isn't run again: its slot gets a new one. */
export const SlotRestart = Type.Object({
  condition: Type.Union([Type.Literal('none'), Type.Literal('on-failure'), Type.Literal('any')]),
  delayMs: Type.Integer({ minimum: 0 }),
  /** 0 = no limit. */
  attemptsMax: Type.Integer({ minimum: 0 }),
  /** Attempts are counted within this time; 0 = for ever. */
  windowMs: Type.Integer({ minimum: 0 }),
});
export type SlotRestart = Static<typeof SlotRestart>;

/**
 * How a workload's pods are reached together, on each network of the template that has names: by the workload's own name,
 * and the template's aliases there, which no pod has for itself then.
 *
 * | endpoint  | the names are answered with                                        |
 * | --------- | ------------------------------------------------------------------ |
 * | `virtual` | one address, which leads each connection to a ready pod            |
 * | `pods`    | the addresses of the ready pods                                    |
 * | absent    | nothing: each pod has the aliases itself                           |
 *
 * `tasks.` before a name is answered with the addresses of the ready pods in any case but the last.
 */
export const Endpoint = Type.Union([Type.Literal('virtual'), Type.Literal('pods')]);
export type Endpoint = Static<typeof Endpoint>;

export const WorkloadSpec = Type.Object({
  mode: WorkloadMode,
  endpoint: Type.Optional(Endpoint),
  template: PodTemplate,
  update: UpdatePolicy,
  rollback: UpdatePolicy,
  restart: SlotRestart,
  /** Old revisions that are kept. */
  revisionsKept: Type.Integer({ minimum: 0 }),
  /** Ended pods that are kept in each slot, for `ps` and logs. */
  endedKept: Type.Integer({ minimum: 0 }),
  /** Raised to replace every pod though nothing changed (`--force`). */
  force: Type.Integer({ minimum: 0 }),
  /** Raised to run a job anew. */
  jobIteration: Type.Integer({ minimum: 0 }),
  /** Set by who asked for a rollback: the template is that of this revision, and `rollback` says how to get there. */
  rollsBack: Type.Boolean(),
});
export type WorkloadSpec = Static<typeof WorkloadSpec>;

export const WorkloadRevision = Type.Object({
  number: Type.Integer({ minimum: 1 }),
  /** Digest of the template, `force` included: equal templates are one revision. */
  hash: Type.String(),
  /** All that was wanted, and the facade's own object, as they last were: a rollback restores them. */
  spec: WorkloadSpec,
  /** The workload's own labels; absent in what was written before they were kept. */
  labels: Type.Optional(Type.Record(Type.String(), Type.String())),
  given: Type.Record(Type.String(), Type.Unknown()),
  createdAt: Type.String(),
});
export type WorkloadRevision = Static<typeof WorkloadRevision>;

export const UpdateState = Type.Object({
  state: Type.Union([
    Type.Literal('updating'),
    Type.Literal('paused'),
    Type.Literal('completed'),
    Type.Literal('rollback-started'),
    Type.Literal('rollback-paused'),
    Type.Literal('rollback-completed'),
  ]),
  /** The revision that it goes to. */
  revision: Type.Integer({ minimum: 1 }),
  startedAt: Type.String(),
  completedAt: Type.Optional(Type.String()),
  message: Type.String(),
  /** How many slots it set out to replace. */
  slots: Type.Integer({ minimum: 0 }),
  /** Slots (or host names) whose new pod was ready, and when that was seen. */
  ready: Type.Record(Type.String(), Type.String()),
  /** Slots (or host names) whose new pod failed. */
  failed: Type.Array(Type.String()),
  /** Attempts of each slot that were made before it began and don't count. */
  past: Type.Record(Type.String(), Type.Integer({ minimum: 0 })),
});
export type UpdateState = Static<typeof UpdateState>;

export const WorkloadStatus = Type.Object({
  /** The generation that this status speaks of: `update` says nothing of a spec that is newer. */
  generation: Type.Integer({ minimum: 0 }),
  /** Oldest first; the last one is what is wanted. */
  revisions: Type.Array(WorkloadRevision),
  update: Type.Optional(UpdateState),
  /** Of a replicated one: the slots that are in use. */
  slots: Type.Array(Type.Integer({ minimum: 1 })),
  /** How many pods each slot (or host name) has had. */
  attempts: Type.Record(Type.String(), Type.Integer({ minimum: 1 })),
  desired: Type.Integer({ minimum: 0 }),
  running: Type.Integer({ minimum: 0 }),
  /** Running, and healthy where health is asked. */
  ready: Type.Integer({ minimum: 0 }),
  /** Running, of the last revision. */
  updated: Type.Integer({ minimum: 0 }),
  /** Of a job: the iteration that the rest speaks of, and the slots (or host names) that have succeeded in it. */
  iteration: Type.Integer({ minimum: 0 }),
  done: Type.Array(Type.String()),
  succeeded: Type.Integer({ minimum: 0 }),
  failed: Type.Integer({ minimum: 0 }),
  /** Slots (or host names) that are given up, with the reason. */
  givenUp: Type.Record(Type.String(), Type.String()),
  /**
   * Of an ordered one: when pods of a slot were started again, in milliseconds since 1970, from when the one that ended makes
   * way until the next is there. Other modes keep it on the pods.
   */
  restarts: Type.Optional(Type.Record(Type.String(), Type.Array(Type.Number()))),
  /** Of cron: when it last made a job. */
  lastScheduledAt: Type.Optional(Type.String()),
  message: Type.String(),
});
export type WorkloadStatus = Static<typeof WorkloadStatus>;

/** In `given`: what was wanted before a user's last change. A rollback by the controller leaves none. */
export const previousKey = 'previous';

/** Of a workload that no controller has looked at. */
export const newWorkloadStatus = (): WorkloadStatus => ({
  generation: 0,
  revisions: [],
  slots: [],
  attempts: {},
  desired: 0,
  running: 0,
  ready: 0,
  updated: 0,
  iteration: 0,
  done: [],
  succeeded: 0,
  failed: 0,
  givenUp: {},
  message: '',
});

/** The finalizer of every workload: its pods go first. */
export const workloadFinalizer = 'workload';

export const Workload = Type.Object({
  kind: Type.Literal('Workload'),
  meta: Meta,
  spec: WorkloadSpec,
  status: WorkloadStatus,
  /** A facade's own object, kept so that it can be given back as it was given. */
  given: Type.Record(Type.String(), Type.Unknown()),
});
export type Workload = Static<typeof Workload>;

/** Labels that a workload's controller puts on each of its pods. */
export const workloadLabels = {
  /** The workload's uid. */
  owner: 'kr.workload',
  /** Slot number, or the host's name in a global mode. */
  slot: 'kr.slot',
  /** Counts the pods of a slot, from 1. */
  attempt: 'kr.attempt',
  /** Number of the revision. */
  revision: 'kr.revision',
  /** Its hash: what tells whether the pod is as it should be. */
  hash: 'kr.revision-hash',
  /** Of a job: which iteration. */
  iteration: 'kr.iteration',
} as const;
