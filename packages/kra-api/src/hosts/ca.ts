import type { Caller, Cloud, CloudCa, Host, KnownRoot } from '@kraud/cloud';
import { Type } from 'typebox';
import { operation } from '../operation.ts';

/** The CA as `kra` shows it. */
export interface CaView {
  /** Null as long as the host that answers listens for no others. */
  root: KnownRoot | null;
  /** What is to take its place; null at rest. */
  next: KnownRoot | null;
  /** Those with a certificate; one that is away and behind makes up for it when it is back. */
  hosts: { name: string; state: 'done' | 'behind' | 'away' }[];
}

export const getCa = operation({
  method: 'GET',
  path: '/ca',
  run: (cloud, { caller }) => view(cloud, caller),
});

export const rotateCa = operation({
  method: 'POST',
  path: '/ca/rotate',
  body: Type.Object(
    {
      /** A root of the user's own, and its key, PEM; without it a new one is made. */
      root: Type.Optional(
        Type.Object({ cert: Type.String(), key: Type.String() }, { additionalProperties: false }),
      ),
    },
    { additionalProperties: false },
  ),
  async run(cloud, { caller, body }) {
    const rotate = await cloud.hosts.caRotation(caller, body.root);
    await rotate();
    return await view(cloud, caller);
  },
});

async function view({ hosts }: Cloud, caller: Caller): Promise<CaView> {
  const ca = await hosts.ca(caller);
  if (!ca) return { root: null, next: null, hosts: [] };
  const listening = (await hosts.list(caller)).filter(({ status }) => status.address !== undefined);
  return {
    root: ca.root,
    next: ca.next ?? null,
    hosts: listening.map((host) => ({ name: host.meta.name, state: stateOf(host, ca) })),
  };
}

function stateOf({ status }: Host, { root, next, trusted }: CloudCa): CaView['hosts'][number]['state'] {
  const { issuer, roots = [] } = status.trust ?? {};
  const isDone = issuer === (next ?? root).digest && roots.length === trusted.length;
  if (isDone) return 'done';
  return status.ready && status.lostAt === undefined ? 'behind' : 'away';
}
