import type { Meta, PodSpec } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';

/** Who reads this secret or config, by name: workloads, and pods that belong to none. */
export function usersOf(
  parts: Pick<CloudParts, 'pods' | 'workloads'>,
  kind: 'Secret' | 'Config',
  { tenant, namespace, name }: Pick<Meta, 'tenant' | 'namespace' | 'name'>,
): string[] {
  const reads = (spec: Pick<PodSpec, 'containers'>): boolean =>
    spec.containers.some(({ mounts }) =>
      mounts.some((mount) => mount.type === 'file' && mount.source === kind && mount.name === name),
    );
  const here = ({ meta }: { meta: Meta }): boolean => meta.namespace === namespace;
  const workloads = parts.workloads
    .list(tenant)
    .filter((workload) => here(workload) && reads(workload.spec.template.spec));
  const pods = parts.pods
    .list(tenant)
    .filter((pod) => here(pod) && pod.meta.owner?.kind !== 'Workload' && reads(pod.spec));
  return [...workloads, ...pods].map(({ meta }) => meta.name);
}
