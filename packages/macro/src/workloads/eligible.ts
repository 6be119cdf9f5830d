import type { Host, Placement, Taint } from '../model/index.ts';
import { satisfies, tolerates } from '../scheduler/index.ts';

/**
 * The hosts that a global workload has a pod on, in the order of their names. One that takes no new pods keeps those
 * that it has: `there` are names of hosts that have one.
 */
export function eligibleHosts(
  hosts: readonly Host[],
  placement: Pick<Placement, 'constraints' | 'tolerations'>,
  there: ReadonlySet<string>,
): readonly Host[] {
  return hosts
    .filter((host) => mayStay(host, placement) && (there.has(host.meta.name) || isOpen(host, placement)))
    .sort((a, b) => (a.meta.name < b.meta.name ? -1 : 1));
}

/** Its pods run on if they are there. */
function mayStay(
  host: Host,
  { constraints, tolerations }: Pick<Placement, 'constraints' | 'tolerations'>,
): boolean {
  return (
    host.spec.drained !== true &&
    host.meta.deletedAt === undefined &&
    host.status.lostAt === undefined &&
    !evicts(host, tolerations) &&
    constraints.every((constraint) => satisfies(host, constraint))
  );
}

function isOpen(host: Host, { tolerations }: Pick<Placement, 'tolerations'>): boolean {
  const refused = (taint: Taint): boolean => taint.effect === 'no-schedule' && !tolerates(tolerations, taint);
  return host.status.ready && !host.spec.cordoned && !(host.spec.taints ?? []).some(refused);
}

/** A taint of the host drives such pods away. */
export function evicts(host: Host, tolerations: Placement['tolerations']): boolean {
  return (host.spec.taints ?? []).some((taint) => taint.effect === 'evict' && !tolerates(tolerations, taint));
}
