import { KraudError } from '@kraud/base';

/** Pods are named after it, and other pods reach it by this name. */
export function checkWorkloadName(name: string): string {
  if (!/^[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*$/.test(name)) {
    throw new KraudError('invalid', 'name must be valid as a DNS name component');
  }
  if (name.length > 63) throw new KraudError('invalid', 'name must be 63 characters or fewer');
  return name;
}
