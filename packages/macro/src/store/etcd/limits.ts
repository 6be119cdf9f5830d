export const etcdLimits = {
  /** How long a request may take in all, with what it takes to reach a member and, for reads, to ask others. */
  requestTimeoutMs: 10_000,
  /** How long one member has for an answer to a read before another is asked. */
  attemptTimeoutMs: 3000,
  /**
   * How long a transaction may take at the member that got it; then its outcome is unknown. What a member passed on to a
   * leader that died is lost, and it says so only after seven seconds: whoever writes one thing after another waits this long.
   */
  writeTimeoutMs: 2500,
  /** How long one member has to accept a connection before another is tried. */
  connectTimeoutMs: 2000,
  /** A silent connection is asked for a sign of life after this time; etcd allows no less than 5000. */
  pingAfterMs: 6000,
  pingTimeoutMs: 3000,
  retryFirstMs: 50,
  retryMaxMs: 1000,
  /** The shortest time to live that a lease gets. etcd itself grants none under two seconds. */
  leaseTtlMsMin: 2000,
  /** Entries of one request of a list; halved when they come to more than `receiveBytesMax`. */
  listPageEntries: 1000,
  receiveBytesMax: 64 * 1024 * 1024,
  /** What watchers who keep up are served from. */
  recentEventsMax: 4096,
  recentCharsMax: 8 * 1024 * 1024,
};

export type EtcdLimits = typeof etcdLimits;
