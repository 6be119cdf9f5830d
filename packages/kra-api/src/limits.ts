import { KiB } from '@kraud/base';

/** What one request may take. */
export interface KraApiLimits {
  bodyBytesMax: number;
  /** Time for a whole body to arrive. */
  bodyTimeoutMs: number;
}

export const kraApiLimits: KraApiLimits = {
  bodyBytesMax: 256 * KiB,
  bodyTimeoutMs: 30_000,
};
