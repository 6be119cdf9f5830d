import { Filters } from '../filters.ts';
import { filtersOf, type Operation } from '../operation.ts';
import { isoToNs, parseTimeNs } from '../times.ts';

const names = ['until', 'label', 'label!'];

export const pruneContainers: Operation = {
  method: 'POST',
  path: '/containers/prune',
  params: { filters: filtersOf(...names) },
  async run({ pods }, call) {
    const filters = Filters.parse(call.query.text('filters'), names);
    const nowMs = call.serving.clock.now();
    const untils = filters.get('until').map((text) => parseTimeNs(text, 'until', nowMs));
    const { removed, freedBytes } = await pods.prune(
      call.caller,
      ({ meta }) => filters.labels(meta.labels) && untils.every((until) => isoToNs(meta.createdAt) < until),
    );
    call.json(200, { ContainersDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: freedBytes });
  },
};
