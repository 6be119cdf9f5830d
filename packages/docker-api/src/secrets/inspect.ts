import type { Operation } from '../operation.ts';
import { sourceOf } from './show.ts';
import type { Source } from './source.ts';

export const inspectOf = (source: Source): Operation => ({
  method: 'GET',
  path: `${source.path}/:id`,
  async run(cloud, call) {
    call.json(200, sourceOf(source, await source.files(cloud).get(call.caller, call.param('id'))));
  },
});
