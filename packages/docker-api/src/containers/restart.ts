import type { Operation } from '../operation.ts';
import { stopOptions, stopParams } from './stop.ts';

export const restartContainer: Operation = {
  method: 'POST',
  path: '/containers/:id/restart',
  params: stopParams,
  async run({ pods }, call) {
    await pods.restart(call.caller, call.param('id'), stopOptions(call));
    call.empty(204);
  },
};
