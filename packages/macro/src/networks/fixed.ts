import type { Network } from '../model/index.ts';
import { endsOf, numberOf } from './ipv4.ts';

/** A pod that asks for an address by number, and where it runs. */
export interface FixedClaim {
  readonly address: string;
  readonly pod: string;
  readonly host: string;
}

/**
 * The network with an address that is this pod's alone; undefined when it is somebody else's, or a workload's. What another
 * host may give out of its own block needs that host's agreement (`withAnswer`): it may just have given it. The claim of a
 * host that isn't there any more holds nobody back, nor is that host asked: it has ended its pods.
 */
export function withFixed(
  network: Network,
  { address, pod, host }: FixedClaim,
  isThere: (host: string) => boolean,
): Network | undefined {
  const { fixed = {}, virtual } = network.status;
  const present = fixed[address];
  if (present?.pod === pod && present.host === host) return network;
  if (present && present.pod !== pod && isThere(present.host)) return undefined;
  if (Object.values(virtual?.addresses ?? {}).includes(address)) return undefined;
  const giver = giverOf(network, address);
  const agreed = giver === undefined || giver === host || !isThere(giver);
  return put(network, { ...fixed, [address]: { pod, host, agreed } });
}

/** What the host that has the block says of a claim. A refused one is gone. Undefined when it isn't asked. */
export function withAnswer(
  network: Network,
  { address, pod, host }: FixedClaim,
  agreed: boolean,
): Network | undefined {
  const { [address]: present, ...others } = network.status.fixed ?? {};
  if (present?.pod !== pod || present.host !== host || present.agreed) return undefined;
  return put(network, agreed ? { ...others, [address]: { pod, host, agreed } } : others);
}

/** The network without these claims; undefined when it has none of them. */
export function withoutFixed(network: Network, claims: readonly FixedClaim[]): Network | undefined {
  const fixed = { ...network.status.fixed };
  const held = claims.filter(({ address, pod, host }) => {
    return fixed[address]?.pod === pod && fixed[address].host === host;
  });
  for (const { address } of held) delete fixed[address];
  return held.length === 0 ? undefined : put(network, fixed);
}

export const fixedClaims = ({ status }: Network): FixedClaim[] =>
  Object.entries(status.fixed ?? {}).map(([address, { pod, host }]) => ({ address, pod, host }));

/** The host whose block an address is of. */
export function giverOf({ status }: Network, address: string): string | undefined {
  const at = numberOf(address);
  const isIn = (block: string): boolean => endsOf(block).first <= at && at <= endsOf(block).last;
  return Object.entries(status.slices ?? {}).find(([, blocks]) => blocks.some(isIn))?.[0];
}

function put(network: Network, fixed: NonNullable<Network['status']['fixed']>): Network {
  const { fixed: _, ...status } = network.status;
  return { ...network, status: Object.keys(fixed).length === 0 ? status : { ...status, fixed } };
}
