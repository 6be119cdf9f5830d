import { KraudError } from '@kraud/base';
import { defaultNamespace, defaultTenant, type Host } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';

/** The host that a name, a uid or the beginning of a uid stands for, in this order. */
export function findHost(parts: Pick<CloudParts, 'hosts'>, ref: string): Host {
  const named = parts.hosts.get({ tenant: defaultTenant, namespace: defaultNamespace, name: ref });
  if (named) return named;
  const matches = /^[0-9a-f]{1,64}$/.test(ref)
    ? parts.hosts.list(defaultTenant).filter((host) => host.meta.uid.startsWith(ref))
    : [];
  const [only] = matches;
  if (matches.length > 1) throw new KraudError('invalid', `several hosts' ids begin with ${ref}`);
  if (!only) throw new KraudError('not-found', `no host ${ref}; see the hosts with: kra host ls`);
  return only;
}
