import { Filters, nameMatcher } from '../filters.ts';
import { filtersOf, type Operation } from '../operation.ts';
import { volumeOf } from './show.ts';

const names = ['dangling', 'driver', 'label', 'label!', 'name'];

export const listVolumes: Operation = {
  method: 'GET',
  path: '/volumes',
  params: { filters: filtersOf(...names) },
  async run({ volumes }, call) {
    const filters = Filters.parse(call.query.text('filters'), names);
    const dangling = filters.flag('dangling');
    const matchers = filters.get('name').map((name) => nameMatcher(name));
    const views = await volumes.list(call.caller);
    const chosen = views.filter(
      ({ volume, users }) =>
        (dangling === undefined || dangling === (users.length === 0)) &&
        filters.exact('driver', volume.spec.driver) &&
        filters.labels(volume.meta.labels) &&
        (matchers.length === 0 || matchers.some((matches) => matches(volume.meta.name))),
    );
    call.json(200, { Volumes: chosen.map((view) => volumeOf(view)), Warnings: null });
  },
};
