import type { CloudCa, JoinRole, JoinToken } from '@kraud/host';
import type { Host, Pod, Taint } from '@kraud/macro';
import type { Caller } from '../contract.ts';
import type { JoinWish } from './place.ts';

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
  /**
   * Has the host that answers let into another cloud. Nothing of it changes before what this answers is called, and no
   * other change may be under way then: it makes it so for good, and soon after everything here ends and begins anew,
   * as a host of that cloud. `conflict` while it has anything of its own but images.
   */
  join(caller: Caller, wish: JoinWish): Promise<() => Promise<void>>;
  /**
   * Takes the host that answers out of its cloud, in which it counts as away from then on; soon after it is a cloud of its
   * own. Waits until its pods have moved, and is a `conflict` if some can't; with `force` they are left behind.
   */
  leave(caller: Caller, options: { force: boolean }, signal?: AbortSignal): Promise<void>;
  /** The CA that hosts trust; undefined as long as this host listens for no others. */
  ca(caller: Caller): Promise<CloudCa | undefined>;
  /**
   * Looks whether the CA's root can be replaced, by one that is given (PEM) or by a new one; what it answers begins that,
   * and resolves once it is certain. It is over when `ca` has no `next`: every host has a certificate of the new root
   * then, or is away and will have one when it is back. Join tokens given before it are good for nothing then.
   */
  caRotation(caller: Caller, given?: { cert: string; key: string }): Promise<() => Promise<void>>;
  /**
   * What another machine joins with, for `ttlMs`; without it for up to a day, and who asks again may get the same.
   * `rotate` ends the tokens that were given before: all of them, or with a `role` its own. `conflict` as long as this
   * host can't be joined, saying what to do about it.
   */
  joinToken(
    caller: Caller,
    options: { ttlMs?: number; rotate?: boolean; role?: JoinRole },
  ): Promise<JoinToken>;
}
