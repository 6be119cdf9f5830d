import type { Operation } from '../operation.ts';
import { volumeOf } from './show.ts';

export const inspectVolume: Operation = {
  method: 'GET',
  path: '/volumes/:name',
  async run({ volumes }, call) {
    call.json(200, volumeOf(await volumes.get(call.caller, call.param('name'))));
  },
};
