import type { JoinToken } from '@kraud/host';
import type { Host, Pod, Taint } from '@kraud/macro';
import type { Caller } from '../contract.ts';

export interface HostChange {
  /** Labels to set; undefined takes one away. */
  labels?: Record<string, string | undefined>;
  /** `false` also ends a drain. */
  cordoned?: boolean;
  /** Also cordons. */
  drained?: boolean;
  manager?: boolean;
  taints?: Taint[];
}

/**
 * Use cases about the machines of the cloud. A `ref` is a name, a full uid, or a prefix of one. What changes
 * something is `forbidden` to all but the owner of the local socket.
 */
export interface Hosts {
  list(caller: Caller): Promise<Host[]>;
  get(caller: Caller, ref: string): Promise<Host>;
  /** The host that answers this call. */
  self(caller: Caller): Promise<Host>;
  /** The caller's pods that are bound to it. */
  pods(caller: Caller, ref: string): Promise<Pod[]>;
  /** `revision` makes it a `conflict` when the host has been changed since. */
  update(caller: Caller, ref: string, change: HostChange, revision?: number): Promise<Host>;
  /** Out of the cloud for good. `conflict` while it is ready, unless forced: then its pods move as if it had died. */
  remove(caller: Caller, ref: string, options: { force: boolean }): Promise<void>;
  /** Certificate of the CA that hosts trust, PEM; undefined on a cloud that nobody can join. */
  ca(caller: Caller): Promise<string | undefined>;
  /**
   * What another machine joins with, for `ttlMs`; without it for up to a day, and who asks again may get the same. `rotate` ends every token given before. `conflict`
   * as long as this host can't be joined, saying what to do about it.
   */
  joinToken(caller: Caller, options: { ttlMs?: number; rotate?: boolean }): Promise<JoinToken>;
}
