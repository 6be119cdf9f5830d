import { defaultNamespace, defaultTenant, type Tenant } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';
import type { Swarm } from './contract.ts';

/** Where a tenant has the note of its swarm. */
export const swarmKey = 'swarm';

export const keyOf = (tenant: string) => ({ tenant, namespace: defaultNamespace, name: tenant });

export const swarmOf = ({ given }: Tenant): Swarm | undefined => given[swarmKey] as Swarm | undefined;

type Parts = Pick<CloudParts, 'tenants'>;

export function isSwarm({ tenants }: Parts, tenant: string): boolean {
  const found = tenants.get(keyOf(tenant));
  return found !== undefined && swarmOf(found) !== undefined;
}

/** How long hosts' certificates live as the owner's swarm has it; undefined when nothing was said. */
export function certificateTtlMsOf({ tenants }: Parts): number | undefined {
  const tenant = tenants.get(keyOf(defaultTenant));
  return tenant && swarmOf(tenant)?.certificateTtlMs;
}
