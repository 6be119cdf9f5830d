/** Every limit of what goes between hosts; `daemon` may set each. */
export interface LinkLimits {
  /** While another host is connected it is asked this often if it is there. */
  readonly pingIntervalMs: number;
  /** One that doesn't answer within this counts as gone: its calls fail. */
  readonly pingTimeoutMs: number;
  /** Bytes under way from another host that nobody here has taken yet, over all calls. */
  readonly windowBytes: number;
  /** Calls of all other hosts that may go on here at the same time. */
  readonly callsMax: number;
}

export const linkLimits: LinkLimits = {
  pingIntervalMs: 5000,
  pingTimeoutMs: 20_000,
  windowBytes: 64 * 1024 * 1024,
  callsMax: 10_000,
};
