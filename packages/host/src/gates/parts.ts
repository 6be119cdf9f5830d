import type { Clock, Logger } from '@kraud/base';
import type { HostApi } from '../contract.ts';
import type { GateLimits } from './limits.ts';

export interface GateParts {
  /** The host by name; throws `unavailable` when it can't be reached. */
  readonly hostOf: (name: string) => Pick<HostApi, 'ports'>;
  readonly limits: GateLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What listens on a port for a gate. */
export interface Door {
  /** Nothing new comes in and the port is free at once; what is under way goes on. */
  shut(): void;
  /** Ends what is under way, too. */
  close(): void;
}
