/** Every limit of the ports on which a host lets connections in for pods wherever they run; `daemon` may set each. */
export interface GateLimits {
  /** How long a connection waits for a pod that takes it. */
  readonly patienceMs: number;
  /** A round over all pods that took no connection is followed by the next one after this. */
  readonly retryMs: number;
  /** How long one pod has to take a connection before the next one is asked. */
  readonly connectTimeoutMs: number;
  /** Of one port. More are refused. */
  readonly connectionsMax: number;
  /** Of one UDP port. Those of more are lost. */
  readonly udpClientsMax: number;
  /** A client that sends and gets nothing for so long is forgotten. */
  readonly udpIdleMs: number;
  /** A port that another program has is tried again after this. */
  readonly listenRetryMs: number;
}

export const gateLimits: GateLimits = {
  patienceMs: 10_000,
  retryMs: 100,
  connectTimeoutMs: 3000,
  connectionsMax: 10_000,
  udpClientsMax: 1024,
  udpIdleMs: 60_000,
  listenRetryMs: 5000,
};
