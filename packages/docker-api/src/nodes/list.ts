import type { Host } from '@kraud/cloud';
import { Filters } from '../filters.ts';
import { filtersOf, type Operation } from '../operation.ts';
import { swarmId } from '../swarm/ids.ts';
import { swarmOf } from '../swarm/member.ts';
import { nodeOf } from './show.ts';

const names = ['id', 'label', 'membership', 'name', 'node.label', 'role'];

export const listNodes: Operation = {
  method: 'GET',
  path: '/nodes',
  params: { filters: filtersOf(...names) },
  async run(cloud, call) {
    await swarmOf(cloud, call);
    const filters = Filters.parse(call.query.text('filters'), names);
    filters.oneOf('role', ['manager', 'worker']);
    filters.oneOf('membership', ['accepted', 'pending']);
    const all = await cloud.hosts.list(call.caller);
    const ca = await cloud.hosts.ca(call.caller);
    const chosen = all.filter((host) => matches(host, filters));
    call.json(
      200,
      chosen.map((host) => nodeOf(host, all, ca)),
    );
  },
};

function matches(host: Host, filters: Filters): boolean {
  return (
    filters.some('id', (id) => swarmId(host).startsWith(id)) &&
    filters.some('name', (name) => host.meta.name.startsWith(name)) &&
    filters.exact('role', host.spec.manager ? 'manager' : 'worker') &&
    filters.exact('membership', 'accepted') &&
    filters.labels(host.meta.labels) &&
    filters.labels(host.meta.labels, 'node.label')
  );
}
