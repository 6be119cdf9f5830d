import { KraudError } from '@kraud/base';
import type { Network, Pod } from '@kraud/macro';
import type { Caller, Networks } from './contract.ts';
import type { CloudParts } from './parts.ts';
import { isUp } from './pods/find.ts';

export class NetworkUseCases implements Networks {
  readonly #parts: CloudParts;

  constructor(parts: CloudParts) {
    this.#parts = parts;
  }

  get(caller: Caller, ref: string): Promise<Network> {
    const networks = this.#parts.networks.list(caller.tenant);
    const exact = networks.find((n) => n.meta.name === ref || n.meta.uid === ref);
    const prefixed = /^[0-9a-f]+$/.test(ref) ? networks.filter((n) => n.meta.uid.startsWith(ref)) : [];
    const found = exact ?? (prefixed.length === 1 ? prefixed[0] : undefined);
    if (!found) return Promise.reject(new KraudError('not-found', `network ${ref} not found`));
    return Promise.resolve(found);
  }

  list(caller: Caller): Promise<Network[]> {
    return Promise.resolve(this.#parts.networks.list(caller.tenant));
  }

  members(caller: Caller, network: Network): Promise<Pod[]> {
    const pods = this.#parts.pods.list(caller.tenant);
    return Promise.resolve(pods.filter((pod) => isUp(pod) && pod.spec.network.name === network.meta.name));
  }
}
