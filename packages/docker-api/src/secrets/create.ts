import { compactId } from '@kraud/base';
import type { Operation } from '../operation.ts';
import type { Source } from './source.ts';
import { specOf, specRows } from './spec.ts';

export const createOf = (source: Source): Operation => ({
  method: 'POST',
  path: `${source.path}/create`,
  body: specRows,
  async run(cloud, call) {
    const { meta } = await source.files(cloud).create(call.caller, await specOf(call));
    call.json(201, { ID: compactId(meta.uid) });
  },
});
