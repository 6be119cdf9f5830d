import type { Operation } from '../operation.ts';
import type { Source } from './source.ts';

export const removeOf = (source: Source): Operation => ({
  method: 'DELETE',
  path: `${source.path}/:id`,
  async run(cloud, call) {
    await source.files(cloud).remove(call.caller, call.param('id'));
    call.empty(204);
  },
});
