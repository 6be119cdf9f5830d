import { isPredefined } from '@kraud/cloud';
import { Filters } from '../filters.ts';
import { filtersOf, type Operation } from '../operation.ts';
import { networkDriver, networkName, networkOf, networkScope, predefined } from './show.ts';

const names = ['dangling', 'driver', 'id', 'label', 'label!', 'name', 'scope', 'type'];

export const listNetworks: Operation = {
  method: 'GET',
  path: '/networks',
  params: { filters: filtersOf(...names) },
  async run({ networks }, call) {
    const filters = Filters.parse(call.query.text('filters'), names);
    filters.oneOf('type', ['builtin', 'custom']);
    const dangling = filters.flag('dangling');
    const chosen = [];
    for (const network of await networks.list(call.caller)) {
      const name = networkName(network);
      const custom = !predefined.includes(name);
      const fits =
        filters.exact('driver', networkDriver(network)) &&
        filters.some('id', (id) => network.meta.uid.startsWith(id)) &&
        filters.some('name', (part) => name.includes(part)) &&
        filters.exact('scope', networkScope(network)) &&
        filters.exact('type', custom ? 'custom' : 'builtin') &&
        filters.labels(network.meta.labels);
      if (!fits) continue;
      if (dangling !== undefined) {
        const unused = !isPredefined(network) && (await networks.members(call.caller, network)).length === 0;
        if (unused !== dangling) continue;
      }
      chosen.push(networkOf(network, undefined));
    }
    call.json(200, chosen);
  },
};
