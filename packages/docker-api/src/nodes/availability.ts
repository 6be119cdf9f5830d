import { KraudError } from '@kraud/base';
import type { Host, HostChange } from '@kraud/cloud';

export type Availability = 'active' | 'pause' | 'drain';

export function availabilityOf(text: string): Pick<HostChange, 'cordoned' | 'drained'> {
  if (text === 'active') return { cordoned: false, drained: false };
  if (text === 'pause') return { cordoned: true, drained: false };
  if (text === 'drain') return { cordoned: true, drained: true };
  throw new KraudError('invalid', `invalid Availability: "${text}"`);
}

export function shownAvailability({ spec }: Host): Availability {
  return spec.drained ? 'drain' : spec.cordoned ? 'pause' : 'active';
}
