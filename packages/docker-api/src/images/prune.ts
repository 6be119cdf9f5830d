import { Filters } from '../filters.ts';
import { filtersOf, type Operation } from '../operation.ts';
import { isoToNs, parseTimeNs } from '../times.ts';
import { removedOf } from './remove.ts';

const names = ['dangling', 'until', 'label', 'label!'];

export const pruneImages: Operation = {
  method: 'POST',
  path: '/images/prune',
  params: { filters: filtersOf(...names) },
  async run({ images }, call) {
    const filters = Filters.parse(call.query.text('filters'), names);
    const danglingOnly = filters.flag('dangling') ?? true;
    const nowMs = call.serving.clock.now();
    const untils = filters.get('until').map((text) => parseTimeNs(text, 'until', nowMs));
    const { removed, freedBytes } = await images.prune(
      call.caller,
      ({ image, facts }) =>
        (!danglingOnly || image.spec.tags.length === 0) &&
        filters.labels(facts.config.labels ?? {}) &&
        untils.every((until) => isoToNs(facts.createdAt) < until),
    );
    call.json(200, {
      ImagesDeleted: removed.length > 0 ? removed.map(removedOf) : null,
      SpaceReclaimed: freedBytes,
    });
  },
};
