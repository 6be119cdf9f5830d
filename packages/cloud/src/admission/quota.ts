import { formatBytes, KraudError, MiB } from '@kraud/base';
import { type Band, type Pod, type PodSpec, type Quota, type Workload, wantsToRun } from '@kraud/macro';

/** What pods ask for together. */
export interface Asked {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly pods: number;
}

const nothing: Asked = { cpus: 0, memoryBytes: 0, pods: 0 };

/** A pod counts with what it requests, or else with what its VM is given. */
export function askedBy(spec: Pick<PodSpec, 'placement' | 'cpus' | 'vcpus' | 'memoryMiB'>, pods = 1): Asked {
  const requests = spec.placement?.requests;
  const cpus = requests?.cpus ?? spec.cpus ?? spec.vcpus;
  const memoryBytes = requests?.memoryBytes ?? spec.memoryMiB * MiB;
  return { cpus: cpus * pods, memoryBytes: memoryBytes * pods, pods };
}

export function bandOf(spec: Pick<PodSpec, 'placement'>): Band {
  return spec.placement?.band ?? 'production';
}

/** Pods that a workload has at a time when all is well. */
export function podsOf(mode: Workload['spec']['mode'], hosts: number): number {
  switch (mode.type) {
    case 'replicated':
    case 'ordered':
      return mode.replicas;
    case 'job':
    case 'cron':
      return mode.parallelism;
    case 'global':
    case 'global-job':
      return hosts;
  }
}

/**
 * What a tenant uses of a band: the pods that run or are to, and the workloads as they are wanted. `except` is the
 * uid of the pod or workload that is about to change.
 */
export function usedIn(
  band: Band,
  tenant: { readonly pods: readonly Pod[]; readonly workloads: readonly Workload[]; readonly hosts: number },
  except?: string,
): Asked {
  let used = nothing;
  for (const pod of tenant.pods) {
    if (pod.meta.uid === except || pod.meta.owner?.kind === 'Workload') continue;
    if (wantsToRun(pod) && bandOf(pod.spec) === band) used = plus(used, askedBy(pod.spec));
  }
  for (const { meta, spec } of tenant.workloads) {
    if (meta.uid === except || meta.deletedAt !== undefined || bandOf(spec.template.spec) !== band) continue;
    used = plus(used, askedBy(spec.template.spec, podsOf(spec.mode, tenant.hosts)));
  }
  return used;
}

/** Refuses what would take the tenant beyond its quota, naming the band, what is asked, used, and the limit. */
export function refuseOverQuota(quota: Quota | undefined, band: Band, asked: Asked, used: Asked): void {
  if (!quota) return;
  const faults: string[] = [];
  const look = (what: keyof Asked, say: (value: number) => string): void => {
    const limit = quota[what];
    if (limit === undefined || asked[what] === 0 || used[what] + asked[what] <= limit) return;
    faults.push(
      `${what === 'memoryBytes' ? 'memory' : what}: asked ${say(asked[what])}, used ${say(used[what])}, limit ${say(limit)}`,
    );
  };
  look('cpus', number);
  look('memoryBytes', formatBytes);
  look('pods', number);
  if (faults.length > 0)
    throw new KraudError('forbidden', `exceeded quota of band ${band}: ${faults.join('; ')}`);
}

function number(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}

function plus(a: Asked, b: Asked): Asked {
  return { cpus: a.cpus + b.cpus, memoryBytes: a.memoryBytes + b.memoryBytes, pods: a.pods + b.pods };
}
