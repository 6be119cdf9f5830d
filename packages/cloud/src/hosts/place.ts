import type { HostChange } from './contract.ts';

/** How this host is to join a cloud. */
export interface JoinWish {
  token: string;
  /** Where hosts of the cloud listen, `address:port`; tried in turn. */
  addresses: string[];
  /** Where the others will reach this host. Without an address, the one that leads to the cloud. */
  listen: { address?: string; port: number };
  /** What it is in the cloud from its first moment. */
  begins: Pick<HostChange, 'cordoned' | 'drained'>;
}

/** Where this host belongs, and how it goes elsewhere while its daemon runs; `daemon` fills it in. */
export interface HostPlace {
  /** Other hosts may share its cloud. */
  readonly isShared: boolean;
  /** The flag that settles where it belongs, so that nothing else may; undefined when none was given. */
  readonly settledBy: string | undefined;
  /**
   * Asks a cloud to let this host in, and looks whether it could; nothing of this host changes. What it answers makes it
   * so for good, and has the daemon go over: soon after it resolves, everything here ends and begins anew.
   */
  join(wish: JoinWish): Promise<() => Promise<void>>;
  /**
   * Makes this host a cloud of its own, for good, and has the daemon go over. Images that are here come along. With
   * `force` what still runs here is ended.
   */
  leave(options: { force: boolean }): Promise<void>;
}
