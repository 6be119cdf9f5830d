import { Filters } from '../filters.ts';
import { filtersOf, type Operation } from '../operation.ts';

const names = ['until', 'label', 'label!'];

/** Networks of a user can't be made yet, so there is none to remove; the predefined ones stay. */
export const pruneNetworks: Operation = {
  method: 'POST',
  path: '/networks/prune',
  params: { filters: filtersOf(...names) },
  run(_cloud, call) {
    Filters.parse(call.query.text('filters'), names);
    call.json(200, { NetworksDeleted: null });
    return Promise.resolve();
  },
};
