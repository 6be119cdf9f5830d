import { KiB } from '@kraud/base';

/** Of certificates, join tokens and the sessions between hosts. */
export interface PeerLimits {
  readonly certificateTtlMs: number;
  readonly authorityTtlMs: number;
  /** A certificate begins to be valid this long before it is made, for hosts whose clocks go wrong. */
  readonly clockSkewMs: number;
  /** How soon a renewal that failed is tried again. */
  readonly renewRetryMs: number;
  /** While a root takes another’s place: how often it is looked whether all hosts have followed. */
  readonly rotationLookMs: number;
  /** How often it is looked whether the root nears its end. */
  readonly rootLookMs: number;
  /** A root of our own is replaced when it has less than this to live; one that a user gave, when it has less than the other. */
  readonly rootReplaceBeforeMs: number;
  readonly givenRootReplaceBeforeMs: number;
  /** How often the wall clock is looked at: it may be set. */
  readonly clockLookMs: number;
  readonly joinTokenTtlMsDefault: number;
  readonly joinTokenTtlMsMax: number;
  /** Tokens that are valid at one time. */
  readonly joinTokensMax: number;
  /** Wrong tokens from one address; past it, the address is refused for the rest of the minute. */
  readonly wrongTokensPerMinuteMax: number;
  /** Joins under way at one time. */
  readonly joinsMax: number;
  readonly joinBodyBytesMax: number;
  /** Also the time after which a connection that is no member's is ended. */
  readonly joinTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** How often a session that is open is tried; no answer within `pingTimeoutMs` ends it. */
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  /** Requests at one time in one session. */
  readonly streamsMax: number;
  /** Memory for what waits to be sent in one session. */
  readonly sessionMiBMax: number;
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

export const peerLimits: PeerLimits = {
  certificateTtlMs: 30 * dayMs,
  authorityTtlMs: 3650 * dayMs,
  clockSkewMs: 10 * minuteMs,
  renewRetryMs: minuteMs,
  rotationLookMs: 500,
  rootLookMs: 60 * minuteMs,
  rootReplaceBeforeMs: 365 * dayMs,
  givenRootReplaceBeforeMs: 30 * dayMs,
  clockLookMs: 10_000,
  joinTokenTtlMsDefault: dayMs,
  joinTokenTtlMsMax: 365 * dayMs,
  joinTokensMax: 100,
  wrongTokensPerMinuteMax: 10,
  joinsMax: 16,
  joinBodyBytesMax: 64 * KiB,
  joinTimeoutMs: 30_000,
  connectTimeoutMs: 10_000,
  pingIntervalMs: 5_000,
  pingTimeoutMs: 10_000,
  streamsMax: 10_000,
  sessionMiBMax: 256,
};
