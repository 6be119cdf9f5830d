import type { Clock, Logger } from '@kraud/base';
import { messageOf } from '@kraud/base';
import type { Authority } from './authority.ts';
import type { PeerLimits } from './limits.ts';
import type { HostTrust } from './roots.ts';

export interface RotationParts {
  readonly authority: Pick<Authority, 'state' | 'advance' | 'replaceEnding' | 'onChanged'>;
  /** How far those hosts have come that are not away; undefined for one that has not said. */
  readonly hosts: () => readonly (HostTrust | undefined)[];
  /** Whether this host's clock says about what those of the others say: one that is ahead sees ends that aren't near. */
  readonly agreesOnTime: () => boolean;
  readonly clock: Clock;
  readonly limits: Pick<PeerLimits, 'rotationLookMs' | 'rootLookMs'>;
  readonly logger: Logger;
}

/**
 * Takes each step of a change of roots once all hosts are ready for it, and begins one when the root nears its end. Every host
 * does so, and the first one's write counts: whichever ends meanwhile, the others go on.
 */
export async function followRotation(parts: RotationParts, signal: AbortSignal): Promise<void> {
  const { authority, hosts, agreesOnTime, clock, limits, logger } = parts;
  let changed = new AbortController();
  const stop = authority.onChanged(() => changed.abort());
  while (!signal.aborted) {
    try {
      if (authority.state.next) await authority.advance(hosts());
      else if (agreesOnTime() && (await authority.replaceEnding()))
        logger.warn({}, 'the root of the CA nears its end: another one takes its place');
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'a change of the CA does not go on yet');
    }
    const wait = AbortSignal.any([signal, changed.signal]);
    const lookMs = authority.state.next ? limits.rotationLookMs : limits.rootLookMs;
    await clock.sleep(lookMs, wait).catch(() => {});
    changed = new AbortController();
  }
  stop();
}
