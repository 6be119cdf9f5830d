import { KraudError } from '@kraud/base';

/** Networks that every tenant has, by Kraud's names; `default` is Docker's `bridge`. */
export const predefinedNetworks: readonly string[] = ['default', 'none'];

/** Names that mean something else than a network of a user. */
const reserved = ['default', 'none', 'bridge', 'host'];
const pattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

export function checkNetworkName(name: string): void {
  if (reserved.includes(name)) {
    throw new KraudError('forbidden', `operation is not permitted on predefined ${name} network`);
  }
  if (!pattern.test(name) || name.length > 255) {
    throw new KraudError('invalid', `invalid network name: "${name.slice(0, 300)}"`);
  }
}
