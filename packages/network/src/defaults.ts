/** Every limit of this package, with its unit. The daemon's config may replace each. */
export interface NetworkLimits {
  /** Tried in this order for a network without `subnet`; the first that overlaps nothing on the host is taken. */
  readonly subnetPool: readonly string[];
  readonly ephemeralPortFirst: number;
  readonly ephemeralPortLast: number;
  /** Connections that one published port carries in user space at once. */
  readonly proxyConnectionsMax: number;
  /** Clients that one published UDP port remembers in user space at once. */
  readonly proxyUdpClientsMax: number;
  readonly proxyUdpIdleMs: number;
  /** Waiting time for a pod to accept a connection that comes in through user space. */
  readonly proxyConnectTimeoutMs: number;
  /** Questions that the name forwarder has under way at once. */
  readonly dnsQueriesMax: number;
  readonly dnsConnectionsMax: number;
  readonly dnsTimeoutMs: number;
  /** How long an asker may remember where a pod was. */
  readonly dnsTtlS: number;
  /** Never more than the uplink's own. */
  readonly mtuMax: number;
  /** UDP ports that other hosts reach this one's VPCs at, one for each; the first free one is taken. */
  readonly tunnelPortFirst: number;
  readonly tunnelPortLast: number;
  /** Whom a WireGuard in user space runs as; no VMM and nobody else does. */
  readonly tunnelUid: number;
  /** Whether tunnels are as they should be is looked at again after so long, should nothing change before. */
  readonly tunnelCheckMs: number;
  /** And after so long when something could not be done. */
  readonly tunnelRetryMs: number;
  /** A parked pod that somebody still sends to is told of again after so long. */
  readonly knockAgainMs: number;
  /** What is sent to a parked pod waits so long; then who sent it is told that the pod can't be reached. */
  readonly knockWaitS: number;
  /** A VM that has a parked tap shows there after so long at most. */
  readonly carrierTimeoutMs: number;
  /** A helper process that had nothing to do for so long ends; the next command starts it again. */
  readonly helperIdleMs: number;
  /** The kernel's answer to one batch of commands. */
  readonly commandTimeoutMs: number;
  /** Rules that the kernel didn't get are tried again after so long, then twice that, … */
  readonly retryMs: number;
  /** … and at least this often. */
  readonly retryMsMax: number;
}

export const defaultNetworkLimits: NetworkLimits = {
  subnetPool: [
    ...Array.from({ length: 15 }, (_, i) => `172.${17 + i}.0.0/16`),
    ...Array.from({ length: 16 }, (_, i) => `10.${88 + i}.0.0/16`),
  ],
  ephemeralPortFirst: 32768,
  ephemeralPortLast: 60999,
  proxyConnectionsMax: 4096,
  proxyUdpClientsMax: 1024,
  proxyUdpIdleMs: 90_000,
  proxyConnectTimeoutMs: 10_000,
  dnsQueriesMax: 1024,
  dnsConnectionsMax: 128,
  dnsTimeoutMs: 5_000,
  dnsTtlS: 5,
  mtuMax: 1500,
  tunnelPortFirst: 51820,
  tunnelPortLast: 51919,
  tunnelUid: 199_999,
  tunnelCheckMs: 30_000,
  tunnelRetryMs: 3_000,
  knockAgainMs: 1_000,
  knockWaitS: 60,
  carrierTimeoutMs: 2_000,
  helperIdleMs: 300_000,
  commandTimeoutMs: 10_000,
  retryMs: 500,
  retryMsMax: 30_000,
};
