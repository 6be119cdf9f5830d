import { codeOf, newId } from '@kraud/base';
import { defaultNamespace } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';
import { isSwarm } from '../swarm/note.ts';

const name = 'ingress';

/**
 * A tenant with a swarm has a network of this name, one without has none: tools look for it before they publish ports.
 * May be repeated; a network that a user has given the name stays.
 */
export async function settleIngress(
  parts: Pick<CloudParts, 'networks' | 'tenants' | 'clock' | 'random'>,
  tenant: string,
): Promise<void> {
  const { networks, clock, random } = parts;
  const key = { tenant, namespace: defaultNamespace, name };
  const present = networks.get(key);
  if (!isSwarm(parts, tenant)) {
    if (present?.spec.driver === 'ingress') await networks.delete(key);
    return;
  }
  if (present) return;
  const createdAt = new Date(clock.now()).toISOString();
  const rest = { labels: {}, annotations: {}, generation: 1, finalizers: [], createdAt };
  try {
    await networks.create({
      kind: 'Network',
      meta: { uid: newId(random), ...key, ...rest },
      spec: { driver: 'ingress', internal: false, options: {} },
      status: {},
      given: {},
    });
  } catch (error) {
    if (codeOf(error) !== 'exists') throw error;
  }
}
