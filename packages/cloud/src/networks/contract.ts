import type { Network, Pod } from '@kraud/macro';
import type { Caller, PlaceDraft } from '../contract.ts';
import type { SubnetPool } from '../swarm/contract.ts';

export interface NetworkDraft {
  name: string;
  labels: Record<string, string>;
  /** `10.1.0.0/16`; absent: one that is free. */
  subnet?: string;
  /** Where that is taken from; absent: the hosts' own. */
  pool?: SubnetPool;
  gateway?: string;
  /** Part of the subnet that addresses are chosen from. */
  range?: string;
  /** Addresses of the subnet that no pod gets, by what has them. */
  reserved?: Record<string, string>;
  /** No way out, and no published port leads in. */
  internal: boolean;
  options: Record<string, string>;
  given: Record<string, unknown>;
}

/** Use cases about networks. A `ref` is a name, a uid, its compact form, or the beginning of one. */
export interface Networks {
  /** `exists` when the name is taken, `conflict` when the subnet is. */
  create(caller: Caller, draft: NetworkDraft): Promise<Network>;
  get(caller: Caller, ref: string): Promise<Network>;
  list(caller: Caller): Promise<Network[]>;
  /** Pods with an address on it. */
  members(caller: Caller, network: Network): Promise<Pod[]>;
  /** `forbidden` while pods that run are on it, `conflict` while workloads are. */
  remove(caller: Caller, ref: string): Promise<void>;
  /** All that nothing is on; answers their names. */
  prune(caller: Caller, matches: (network: Network) => boolean): Promise<string[]>;
  /** A pod that runs has the address when this resolves. */
  connect(caller: Caller, ref: string, podRef: string, options: Omit<PlaceDraft, 'ref'>): Promise<void>;
  /** A pod that runs has lost the address when this resolves. */
  disconnect(caller: Caller, ref: string, podRef: string): Promise<void>;
}
