import { codeOf, type Logger, messageOf } from '@kraud/base';
import type { Network, Tables } from '@kraud/macro';
import type { HostNetwork, NetworkSpec, NetworkState } from '@kraud/network';

/** Another daemon that starts at the same moment looks for a free subnet too: each loses to it once at most. */
const attemptsMax = 8;

export interface DefaultNetworkParts {
  readonly tables: Pick<Tables, 'networks' | 'pods'>;
  readonly network: Pick<HostNetwork, 'ensureNetwork'>;
  /** One that nobody here uses, nor any of `taken`. */
  readonly chooseSubnet: (taken: readonly string[]) => Promise<string>;
  readonly spec: (tenant: string, name: string) => Promise<NetworkSpec | undefined>;
  /** This host's. */
  readonly name: string;
  readonly logger: Logger;
}

/**
 * Makes every tenant's `default` network real, the one that warm VMs wait in, with a subnet if it has none yet. Where
 * something else on the machine has taken that subnet meanwhile it gets another one, unless pods have addresses in it, or other
 * hosts give some: then the network warns of it until it can be made.
 */
export async function realizeDefaultNetworks(parts: DefaultNetworkParts): Promise<void> {
  const { tables, logger } = parts;
  for (const found of tables.networks.everywhere()) {
    if (found.meta.name !== 'default') continue;
    try {
      await realize(parts, found);
    } catch (error) {
      if (codeOf(error) !== 'conflict') throw error;
      logger.warn({ tenant: found.meta.tenant, error: messageOf(error) }, 'a default network is not ready');
    }
  }
}

async function realize(parts: DefaultNetworkParts, { meta, spec }: Network): Promise<void> {
  const { tables } = parts;
  if (spec.subnet === undefined) await choose(parts, meta, undefined);
  for (let attempt = 1; ; attempt += 1) {
    const real = await parts.spec(meta.tenant, meta.name);
    if (!real) return;
    let state: NetworkState;
    try {
      state = await parts.network.ensureNetwork(real);
    } catch (error) {
      const mayMove = codeOf(error) === 'conflict' && attempt < attemptsMax && isOursAlone(parts, meta);
      if (!mayMove) throw error;
      await choose(parts, meta, real.subnet);
      continue;
    }
    const { gateway } = state;
    if (tables.networks.get(meta)?.spec.gateway === gateway) return;
    await tables.networks.mutate(meta, (present) => ({ ...present, spec: { ...present.spec, gateway } }));
    return;
  }
}

/** Nobody can tell when it has another subnet. */
function isOursAlone({ tables, name }: DefaultNetworkParts, meta: Network['meta']): boolean {
  const slices = Object.keys(tables.networks.get(meta)?.status.slices ?? {});
  const isOn = (network: string, tenant: string): boolean => network === meta.name && tenant === meta.tenant;
  const pods = tables.pods
    .everywhere()
    .some((pod) => pod.status.network?.addresses.some(({ network }) => isOn(network, pod.meta.tenant)));
  return !pods && slices.every((host) => host === name);
}

/** A free subnet instead of `present`; what another daemon of the cloud has chosen by then stays. */
async function choose(
  { tables, chooseSubnet }: DefaultNetworkParts,
  meta: Network['meta'],
  present: string | undefined,
): Promise<void> {
  const taken = tables.networks.everywhere().flatMap(({ spec }) => spec.subnet ?? []);
  const subnet = await chooseSubnet(taken);
  await tables.networks.mutate(meta, (now) => {
    if (now.spec.subnet !== present) return undefined;
    const { gateway: _, ...spec } = now.spec;
    const { slices: __, ...status } = now.status;
    return { ...now, spec: { ...spec, subnet }, status };
  });
}
