import type { Misfit, Refusal } from './contract.ts';
import type { Fleet } from './fleet.ts';
import type { Search } from './search.ts';

/** Why no host takes the pod: the first rule that each breaks, counted. */
export function refusalOf(search: Search, fleet: Fleet): Refusal {
  const counts = new Map<string, { misfit: Misfit; hosts: number }>();
  let [only, hosts] = ['', 0];
  fleet.hosts.forEach((host, slot) => {
    if (!host) return;
    hosts += 1;
    only = host.meta.name;
    const misfit = search.misfit(slot);
    if (!misfit) return;
    const count = counts.get(misfit.why);
    if (count) count.hosts += 1;
    else counts.set(misfit.why, { misfit, hosts: 1 });
  });
  const sorted = [...counts.values()].sort((a, b) => (a.misfit.why < b.misfit.why ? -1 : 1));
  const reasons = sorted.map(({ misfit, hosts: count }) => ({ ...misfit, hosts: count }));
  return { uid: search.demand.pod.meta.uid, reasons, message: sentence(reasons, hosts, only) };
}

/** `none of 3 hosts can take it: 2 × cordoned, 1 × lacks memory`. */
function sentence(reasons: Refusal['reasons'], hosts: number, only: string): string {
  const [first] = reasons;
  if (!first) return 'no host has joined yet';
  if (hosts === 1) return `host ${only} can't take it: ${first.why}`;
  const parts = reasons.map(({ why, hosts: count }) => `${count} × ${why}`);
  return `none of ${hosts} hosts can take it: ${parts.join(', ')}`;
}
