import { Filters } from '../filters.ts';
import { filtersOf, type Operation } from '../operation.ts';
import { isoToNs, parseTimeNs } from '../times.ts';

const names = ['until', 'label', 'label!'];

export const pruneNetworks: Operation = {
  method: 'POST',
  path: '/networks/prune',
  params: { filters: filtersOf(...names) },
  async run({ networks }, call) {
    const filters = Filters.parse(call.query.text('filters'), names);
    const nowMs = call.serving.clock.now();
    const until = filters.get('until').map((text) => parseTimeNs(text, 'until', nowMs));
    const pruned = await networks.prune(
      call.caller,
      ({ meta }) => filters.labels(meta.labels) && until.every((limit) => isoToNs(meta.createdAt) < limit),
    );
    call.json(200, { NetworksDeleted: pruned.length > 0 ? pruned : null });
  },
};
