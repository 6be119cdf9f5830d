import { defaultNamespace, type Pod, type PodSpec, type Tenant, type Workload } from '@kraud/macro';
import { askedBy, bandOf, podsOf, refuseOverQuota, usedIn } from '../admission/quota.ts';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';

type Parts = Pick<CloudParts, 'pods' | 'workloads' | 'tenants' | 'hosts'>;

/**
 * Refuses a pod, or so many pods of a workload, that would take its tenant beyond a quota. What is written at the same
 * moment isn't seen: `confirmQuota` looks again after the write.
 */
export function admitToQuota(
  parts: Parts,
  caller: Caller,
  spec: Pick<PodSpec, 'placement' | 'cpus' | 'vcpus' | 'memoryMiB'>,
  options: { count?: number; except?: string } = {},
): void {
  const band = bandOf(spec);
  const quota = tenantOf(parts, caller.tenant)?.spec.quota?.[band];
  if (!quota) return;
  const used = usedIn(band, useOf(parts, caller.tenant), options.except);
  refuseOverQuota(quota, band, askedBy(spec, options.count ?? 1), used);
}

/** The same for a workload as it is to be; what it has already counts as its own. */
export function admitWorkloadToQuota(
  parts: Parts,
  caller: Caller,
  uid: string,
  spec: { mode: Parameters<typeof podsOf>[0]; template: { spec: Parameters<typeof askedBy>[0] } },
): void {
  const count = podsOf(spec.mode, parts.hosts.everywhere().length);
  admitToQuota(parts, caller, spec.template.spec, { count, except: uid });
}

/**
 * Looks again once it is written, and undoes the write if it was too much. Of two that were asked for at the same moment
 * the one that was written later sees the other, on whichever host: never do both stay.
 */
export async function confirmQuota(
  parts: Parts,
  { meta }: Pod | Workload,
  check: () => void,
  undo: () => Promise<unknown>,
): Promise<void> {
  if (!tenantOf(parts, meta.tenant)?.spec.quota) return;
  const revision = meta.revision ?? 0;
  await Promise.all([parts.pods.reached(revision), parts.workloads.reached(revision)]);
  try {
    check();
  } catch (error) {
    await undo();
    throw error;
  }
}

export function tenantOf(parts: Pick<Parts, 'tenants'>, name: string): Tenant | undefined {
  return parts.tenants.get({ tenant: name, namespace: defaultNamespace, name });
}

export function useOf(parts: Parts, tenant: string): Parameters<typeof usedIn>[1] {
  return {
    pods: parts.pods.list(tenant),
    workloads: parts.workloads.list(tenant),
    hosts: parts.hosts.everywhere().length,
  };
}
