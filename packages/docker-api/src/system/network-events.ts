import type { Event, Network } from '@kraud/cloud';
import { networkDriver, networkName } from '../networks/show.ts';

/**
 * A pod's joining and leaving is told with the network's name; Docker's clients know it by its id and by Docker's name.
 * An id outlives its network in the event of its creation, so one for each stream of events, which sees them in order.
 */
export class NetworkEvents {
  readonly #made = new Map<string, { uid: string; type: string }>();

  /** The event as Docker tells it; one of another kind as it is. */
  async shown(event: Event, list: () => Promise<readonly Network[]>): Promise<Event> {
    const { type, action, actor, attributes } = event.spec;
    if (type !== 'network') return event;
    const { name = '' } = attributes;
    if (action === 'create') this.#made.set(name, { uid: actor, type: attributes.type ?? '' });
    if (action !== 'connect' && action !== 'disconnect') return event;
    const made = this.#made.get(actor);
    const network = (await list()).find(({ meta }) => meta.name === actor);
    if (network && (made === undefined || made.uid === network.meta.uid)) {
      return told(event, network.meta.uid, { name: networkName(network), type: networkDriver(network) });
    }
    return made ? told(event, made.uid, { type: made.type }) : event;
  }
}

function told(event: Event, uid: string, more: Record<string, string>): Event {
  const attributes = { ...event.spec.attributes, ...more };
  return { ...event, spec: { ...event.spec, actor: uid, attributes } };
}
