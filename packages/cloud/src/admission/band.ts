import { KraudError } from '@kraud/base';
import { anywhere, type Band, bands, type Placement } from '@kraud/macro';

/** The label that says how important a pod is, for clients that have no other word for it. */
const bandLabel = 'kr.band';

export function parseBand(text: string): Band {
  const band = bands.find((each) => each === text);
  if (band) return band;
  throw new KraudError('invalid', `unknown band '${text}': it is one of ${bands.join(', ')}`);
}

/** The placement with the band that the pod's labels ask for; undefined when nothing is asked. */
export function placementWithBand(
  placement: Placement | undefined,
  labels: Readonly<Record<string, string>>,
): Placement | undefined {
  const label = labels[bandLabel];
  return label === undefined ? placement : { ...(placement ?? anywhere), band: parseBand(label) };
}
