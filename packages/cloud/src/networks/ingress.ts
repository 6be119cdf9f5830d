import { codeOf, newId } from '@kraud/base';
import { defaultNamespace } from '@kraud/macro';
import type { CloudParts } from '../parts.ts';
import { keyOf, swarmOf } from '../swarm/note.ts';
import { freeSubnets } from './pool.ts';
import { firstOf } from './subnets.ts';

const name = 'ingress';

/**
 * A tenant with a swarm has a network of this name, one without has none: tools look for it before they publish ports.
 * May be repeated; a network that a user has given the name stays. With a pool of the swarm it shows the first subnet of that, as with
 * Swarm, though nobody gets an address of it.
 */
export async function settleIngress(
  parts: Pick<CloudParts, 'networks' | 'tenants' | 'clock' | 'random'>,
  tenant: string,
): Promise<void> {
  const { networks, clock, random } = parts;
  const key = { tenant, namespace: defaultNamespace, name };
  const present = networks.get(key);
  const found = parts.tenants.get(keyOf(tenant));
  const swarm = found && swarmOf(found);
  if (!swarm) {
    if (present?.spec.driver === 'ingress') await networks.delete(key);
    return;
  }
  if (present) return;
  const createdAt = new Date(clock.now()).toISOString();
  const taken = networks.everywhere().flatMap(({ spec }) => spec.subnet ?? []);
  const [subnet] = swarm.pool ? freeSubnets(swarm.pool, taken) : [];
  const rest = { labels: {}, annotations: {}, generation: 1, finalizers: [], createdAt };
  try {
    await networks.create({
      kind: 'Network',
      meta: { uid: newId(random), ...key, ...rest },
      spec: {
        ...{ driver: 'ingress', internal: false, options: {} },
        ...(subnet === undefined ? {} : { subnet, gateway: firstOf(subnet) }),
      },
      status: {},
      given: {},
    });
  } catch (error) {
    if (codeOf(error) !== 'exists') throw error;
  }
}
