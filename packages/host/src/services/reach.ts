import type { Host } from '@kraud/macro';

/** Facts of hosts that `isReached` rests on, to tell whether any has changed; heartbeats change the rest all the time. */
export const reachFactsOf = (hosts: readonly Host[]): string[] =>
  hosts.map(({ meta, status }) => {
    const tenants = Object.keys(status.tunnel?.ends ?? {}).sort();
    return JSON.stringify([meta.name, status.lostAt !== undefined, tenants]);
  });

/** Whether a tenant's pods on host `here` reach its pods on another: that is there, and both have an end of the tunnel. */
export function isReached(here: Host | undefined, there: Host | undefined, tenant: string): boolean {
  if (!here || !there || there.status.lostAt !== undefined) return false;
  if (here.meta.uid === there.meta.uid) return true;
  return [here, there].every(({ status }) => status.tunnel?.ends[tenant] !== undefined);
}
