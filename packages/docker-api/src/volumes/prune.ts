import { Filters } from '../filters.ts';
import { filtersOf, type Operation } from '../operation.ts';

const names = ['all', 'label', 'label!'];
const anonymousOnlyFrom = 42;

export const pruneVolumes: Operation = {
  method: 'POST',
  path: '/volumes/prune',
  params: { filters: filtersOf(...names) },
  async run({ volumes }, call) {
    const filters = Filters.parse(call.query.text('filters'), names);
    const all = filters.flag('all') ?? call.minor < anonymousOnlyFrom;
    const { removed, freedBytes } = await volumes.prune(
      call.caller,
      ({ volume }) => (all || volume.spec.anonymous) && filters.labels(volume.meta.labels),
    );
    call.json(200, { VolumesDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: freedBytes });
  },
};
