import { MiB } from '@kraud/base';

/** What one client may take. All of it can be set in the config. */
export interface DockerApiLimits {
  /** Of a JSON body. Archives (`load`, `import`, `cp`) aren't bounded here: whoever unpacks them is. */
  bodyBytesMax: number;
  /** Of a request's headers together. */
  headerBytesMax: number;
  /** Time for a request's headers to arrive. */
  headersTimeoutMs: number;
  /** Longest pause while a JSON body arrives. */
  bodyIdleTimeoutMs: number;
  /** Longest pause while an archive arrives. */
  archiveIdleTimeoutMs: number;
  /** How long a connection without a request stays open. */
  keepAliveTimeoutMs: number;
  /** How long a hijacked connection stays open for a client that doesn't close its side after the end. */
  lingerTimeoutMs: number;
  /** Between the head of a reply that leaves HTTP and what follows, for clients that would lose it otherwise. */
  headStartMs: number;
  /** How long an attached client is kept after the last output for its run's end to be told. */
  exitToldTimeoutMs: number;
  /** Of one message of a websocket. */
  webSocketMessageBytesMax: number;
  /** Progress lines that wait for a slow reader; past it, counters are left out. */
  progressBytesMax: number;
  /** Between two samples of `stats`. */
  statsIntervalMs: number;
  /** How long `close` waits for requests that are under way. */
  drainTimeoutMs: number;
}

export const dockerApiLimits: DockerApiLimits = {
  bodyBytesMax: 4 * MiB,
  headerBytesMax: 1 * MiB,
  headersTimeoutMs: 30_000,
  bodyIdleTimeoutMs: 30_000,
  archiveIdleTimeoutMs: 600_000,
  keepAliveTimeoutMs: 600_000,
  lingerTimeoutMs: 5_000,
  headStartMs: 50,
  exitToldTimeoutMs: 1_000,
  webSocketMessageBytesMax: 4 * MiB,
  progressBytesMax: 1 * MiB,
  statsIntervalMs: 1_000,
  drainTimeoutMs: 5_000,
};
