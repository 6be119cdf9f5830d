import { KraudError } from '@kraud/base';
import { defaultNamespace, type Workload } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';

/** The workload that a uid, a name or the beginning of a uid stands for, in this order. */
export function findWorkload(parts: Pick<CloudParts, 'workloads'>, caller: Caller, ref: string): Workload {
  const byUid = parts.workloads.byUid(caller.tenant, ref);
  if (byUid) return byUid;
  const byName =
    ref === ''
      ? undefined
      : parts.workloads.get({ tenant: caller.tenant, namespace: defaultNamespace, name: ref });
  if (byName) return byName;
  const missing = new KraudError('not-found', `service ${ref} not found`);
  if (!/^[0-9a-f]{1,63}$/.test(ref)) throw missing;
  const matches = parts.workloads.list(caller.tenant).filter(({ meta }) => meta.uid.startsWith(ref));
  const [only] = matches;
  if (matches.length > 1)
    throw new KraudError('invalid', `service ${ref} is ambiguous (${matches.length} matches found)`);
  if (!only) throw missing;
  return only;
}
