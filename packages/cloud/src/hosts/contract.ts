import type { Host, Pod, Taint } from '@kraud/macro';
import type { Caller } from '../contract.ts';

export interface HostChange {
  /** Labels to set; undefined takes one away. */
  labels?: Record<string, string | undefined>;
  cordoned?: boolean;
  /** Also cordons. */
  drained?: boolean;
  manager?: boolean;
  taints?: Taint[];
}

/** Use cases about the machines of the cloud. A `ref` is a name, a full uid, or a prefix of one. */
export interface Hosts {
  list(caller: Caller): Promise<Host[]>;
  get(caller: Caller, ref: string): Promise<Host>;
  /** The host that answers this call. */
  self(caller: Caller): Promise<Host>;
  pods(caller: Caller, ref: string): Promise<Pod[]>;
  /** `revision` makes it a `conflict` when the host has been changed since. */
  update(caller: Caller, ref: string, change: HostChange, revision?: number): Promise<Host>;
  /** Out of the cloud for good. `conflict` while it is ready, unless forced: then its pods move as if it had died. */
  remove(caller: Caller, ref: string, options: { force: boolean }): Promise<void>;
}
