import { compactId } from '@kraud/base';
import { Filters } from '../filters.ts';
import { filtersOf, type Operation } from '../operation.ts';
import { sourceOf } from './show.ts';
import type { Source } from './source.ts';

const names = ['id', 'label', 'label!', 'name', 'names'];

/** As swarm: `name` and `id` are beginnings, `names` are whole. */
export const listOf = (source: Source): Operation => ({
  method: 'GET',
  path: source.path,
  params: { filters: filtersOf(...names) },
  async run(cloud, call) {
    const filters = Filters.parse(call.query.text('filters'), names);
    const files = await source.files(cloud).list(call.caller);
    const chosen = files.filter(
      ({ meta }) =>
        filters.some('id', (id) => compactId(meta.uid).startsWith(id)) &&
        filters.some('name', (name) => meta.name.startsWith(name)) &&
        filters.exact('names', meta.name) &&
        filters.labels(meta.labels),
    );
    call.json(
      200,
      chosen.map((file) => sourceOf(source, file)),
    );
  },
});
