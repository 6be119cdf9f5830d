import { KraudError } from '@kraud/base';
import { defaultNamespace } from '@kraud/macro';
import { randomName } from '../admission/names.ts';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';

/** Pods are named after it, and other pods reach it by this name. */
export function checkWorkloadName(name: string): string {
  if (!/^[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*$/.test(name)) {
    throw new KraudError('invalid', 'name must be valid as a DNS name component');
  }
  if (name.length > 63) throw new KraudError('invalid', 'name must be 63 characters or fewer');
  return name;
}

export function freeName(
  { random, workloads }: Pick<CloudParts, 'random' | 'workloads'>,
  { tenant }: Caller,
): string {
  for (let attempt = 0; ; attempt += 1) {
    const name = randomName(random, attempt);
    if (!workloads.get({ tenant, namespace: defaultNamespace, name })) return name;
  }
}
