import type { Clock, Logger } from '@kraud/base';
import { messageOf } from '@kraud/base';
import type { Authority } from './authority.ts';
import type { PeerLimits } from './limits.ts';
import type { HostTrust } from './roots.ts';

export interface RotationParts {
  readonly authority: Pick<Authority, 'state' | 'advance' | 'onChanged'>;
  /** How far those hosts have come that are not away; undefined for one that has not said. */
  readonly hosts: () => readonly (HostTrust | undefined)[];
  readonly clock: Clock;
  readonly limits: Pick<PeerLimits, 'rotationLookMs'>;
  readonly logger: Logger;
}

/**
 * Takes each step of a change of roots once all hosts are ready for it. Every host does so, and the first one's write
 * counts: whichever ends meanwhile, the others go on.
 */
export async function followRotation(parts: RotationParts, signal: AbortSignal): Promise<void> {
  const { authority, hosts, clock, limits, logger } = parts;
  let changed = new AbortController();
  const stop = authority.onChanged(() => changed.abort());
  while (!signal.aborted) {
    const { next } = authority.state;
    const wait = AbortSignal.any([signal, changed.signal]);
    const waited = next ? clock.sleep(limits.rotationLookMs, wait) : aborted(wait);
    await waited.catch(() => {});
    changed = new AbortController();
    if (signal.aborted || !authority.state.next) continue;
    try {
      await authority.advance(hosts());
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'a change of the CA does not go on yet');
    }
  }
  stop();
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
