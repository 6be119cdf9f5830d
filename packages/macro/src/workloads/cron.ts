import { createHash } from 'node:crypto';
import {
  newWorkloadStatus,
  type Workload,
  type WorkloadMode,
  type WorkloadStatus,
  workloadFinalizer,
  workloadLabels,
} from '../model/index.ts';
import { isFinished } from './job.ts';
import { lastTime, nextTime } from './schedule.ts';

type CronMode = Extract<WorkloadMode, { type: 'cron' }>;

/** It looks at least this often, so that a clock that was set is noticed. */
const lookMsMax = 60 * 60_000;

export interface CronSeen {
  readonly workload: Workload;
  /** Those that it made: workloads of their own. */
  readonly jobs: readonly Workload[];
  readonly nowMs: number;
}

/** To be done in this order. A job that is made twice is made once: its name is that of its time. */
export interface CronPlan {
  readonly create: readonly Workload[];
  readonly remove: readonly Workload[];
  readonly status: WorkloadStatus;
  readonly finished: boolean;
  readonly againMs?: number;
}

/** What is to be done about a cron workload now. Of times that were missed, the last one counts. Pure. */
export function nextForCron(seen: CronSeen, mode: CronMode): CronPlan {
  const { workload, jobs, nowMs } = seen;
  const { meta } = workload;
  const present = jobs.filter((job) => job.meta.deletedAt === undefined);
  const status = {
    ...workload.status,
    generation: meta.generation,
    running: present.filter(isActive).length,
  };
  if (meta.deletedAt !== undefined) {
    const left = { ...status, desired: 0, message: 'being removed' };
    return { create: [], remove: present, status: left, finished: jobs.length === 0 };
  }
  const spent = [
    ...beyond(present.filter(isDone), mode.succeededKept),
    ...beyond(present.filter(isFailed), mode.failedKept),
  ];
  const nextMs = mode.suspended ? undefined : nextTime(mode, nowMs);
  const rest = {
    finished: false,
    ...(nextMs === undefined ? {} : { againMs: Math.min(nextMs - nowMs, lookMsMax) }),
  };
  const due = mode.suspended ? undefined : dueTime(workload, mode, nowMs);
  if (due === undefined) return { create: [], remove: spent, status, ...rest };
  const at = new Date(due).toISOString();
  if (mode.startingDeadlineMs !== undefined && nowMs - due > mode.startingDeadlineMs) {
    const missed = { ...status, lastScheduledAt: at, message: `the run of ${at} was missed` };
    return { create: [], remove: spent, status: missed, ...rest };
  }
  const active = present.filter(isActive);
  const [first] = active;
  if (first && mode.overlap === 'forbid') {
    const message = `the run of ${at} waits for ${first.meta.name} to end`;
    return { create: [], remove: spent, status: { ...status, message }, ...rest };
  }
  return {
    create: [jobAt(workload, mode, due, nowMs)],
    remove: mode.overlap === 'replace' ? [...spent, ...active] : spent,
    status: { ...status, lastScheduledAt: at, message: '' },
    ...rest,
  };
}

/** The last time that is over and has not been seen to. */
function dueTime({ meta, status }: Workload, mode: CronMode, nowMs: number): number | undefined {
  const due = lastTime(mode, nowMs);
  const since = Date.parse(status.lastScheduledAt ?? meta.createdAt);
  return due !== undefined && due > since ? due : undefined;
}

function jobAt({ meta, spec, given }: Workload, mode: CronMode, dueMs: number, nowMs: number): Workload {
  const minute = Math.floor(dueMs / 60_000);
  return {
    kind: 'Workload',
    meta: {
      uid: createHash('sha256').update(`${meta.uid} ${minute}`).digest('hex'),
      tenant: meta.tenant,
      namespace: meta.namespace,
      name: `${meta.name}-${minute}`,
      labels: { ...meta.labels, [workloadLabels.owner]: meta.uid },
      annotations: meta.annotations,
      generation: 1,
      owner: { kind: 'Workload', uid: meta.uid, name: meta.name },
      finalizers: [workloadFinalizer],
      createdAt: new Date(nowMs).toISOString(),
    },
    spec: {
      ...spec,
      mode: { type: 'job', completions: mode.completions, parallelism: mode.parallelism },
      jobIteration: 0,
    },
    status: newWorkloadStatus(),
    given,
  };
}

/** A controller has not looked at it yet, or there is something left to do. */
function isActive({ meta, status }: Workload): boolean {
  return status.generation !== meta.generation || !isFinished(status);
}

function isDone(job: Workload): boolean {
  return !isActive(job) && Object.keys(job.status.givenUp).length === 0;
}

function isFailed(job: Workload): boolean {
  return !isActive(job) && !isDone(job);
}

/** All but the newest few. */
function beyond(jobs: readonly Workload[], kept: number): Workload[] {
  return jobs.toSorted((a, b) => (a.meta.createdAt < b.meta.createdAt ? 1 : -1)).slice(kept);
}
