import { KraudError } from '@kraud/base';
import type { Network } from '@kraud/macro';

/** Networks that every tenant has, by Kraud's names; `default` is Docker's `bridge`. */
const predefined: readonly string[] = ['default', 'none'];

/** No user has made it, and none removes it. */
export const isPredefined = ({ meta, spec }: Network): boolean =>
  predefined.includes(meta.name) || spec.driver === 'ingress';

/** A network’s name in the words of its users. */
export const nameForUsers = (name: string): string => (name === 'default' ? 'bridge' : name);

/** Names that mean something else than a network of a user. */
const reserved = ['default', 'none', 'bridge', 'host'];
export const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

export function checkNetworkName(name: string): void {
  if (reserved.includes(name)) {
    throw new KraudError('forbidden', `operation is not permitted on predefined ${name} network`);
  }
  if (!namePattern.test(name) || name.length > 255) {
    throw new KraudError('invalid', `invalid network name: "${name.slice(0, 300)}"`);
  }
}
