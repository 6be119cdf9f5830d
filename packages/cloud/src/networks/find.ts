import { compactId, KraudError } from '@kraud/base';
import type { Network } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { CloudParts } from '../parts.ts';

/** The network that a name, a uid or the beginning of one stands for. */
export function findNetwork(parts: Pick<CloudParts, 'networks'>, caller: Caller, ref: string): Network {
  const found = presentNetwork(parts, caller, ref);
  if (!found) throw new KraudError('not-found', `network ${ref} not found`);
  return found;
}

/** The same, if there is one. */
export function presentNetwork(
  parts: Pick<CloudParts, 'networks'>,
  caller: Caller,
  ref: string,
): Network | undefined {
  const networks = parts.networks.list(caller.tenant);
  const exact =
    networks.find(({ meta }) => meta.uid === ref) ?? networks.find(({ meta }) => meta.name === ref);
  if (exact) return exact;
  const prefixed = networks.filter(
    ({ meta }) => ref !== '' && (meta.uid.startsWith(ref) || compactId(meta.uid).startsWith(ref)),
  );
  const [only, second] = prefixed;
  if (second) {
    throw new KraudError('invalid', `network ${ref} is ambiguous (${prefixed.length} matches found on ID)`);
  }
  return only;
}
