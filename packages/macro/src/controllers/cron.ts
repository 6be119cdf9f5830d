import { codeOf } from '@kraud/base';
import { type Workload, workloadFinalizer, workloadLabels } from '../model/index.ts';
import type { Tables } from '../resources/tables.ts';
import { nextForCron } from '../workloads/cron.ts';
import type { Reconciled } from './controller.ts';

type Workloads = Pick<Tables, 'workloads'>;

/** The workloads that another one made. */
export function jobsOf({ workloads }: Workloads, uid: string): Workload[] {
  return workloads.cache
    .by('label', `${workloadLabels.owner}=${uid}`)
    .filter(({ meta }) => meta.owner?.uid === uid);
}

/** Makes the jobs of a cron workload when they are due, and clears away old ones. */
export async function reconcileCron(
  tables: Workloads,
  workload: Workload,
  nowMs: number,
): Promise<Reconciled> {
  const { mode } = workload.spec;
  if (mode.type !== 'cron') return undefined;
  const plan = nextForCron({ workload, jobs: jobsOf(tables, workload.meta.uid), nowMs }, mode);
  for (const job of plan.create) await create(tables, job);
  for (const { meta } of plan.remove) await tables.workloads.delete(meta, { uid: meta.uid });
  try {
    await tables.workloads.mutate(workload.meta, (present) => {
      if (present.meta.revision !== workload.meta.revision) return undefined;
      if (plan.finished) {
        present.meta.finalizers = present.meta.finalizers.filter((name) => name !== workloadFinalizer);
      }
      return { ...present, status: plan.status };
    });
  } catch (error) {
    if (codeOf(error) !== 'not-found') throw error;
  }
  return plan.againMs === undefined ? undefined : { againMs: plan.againMs };
}

/** One that has its name already is the same one, unless it is a stranger's: then the error tells. */
async function create({ workloads }: Workloads, job: Workload): Promise<void> {
  try {
    await workloads.create(job);
  } catch (error) {
    if (codeOf(error) !== 'exists' || workloads.get(job.meta)?.meta.uid !== job.meta.uid) throw error;
  }
}
