import { sizeOf, sizeParams } from '../containers/resize.ts';
import type { Operation } from '../operation.ts';

export const resizeExec: Operation = {
  method: 'POST',
  path: '/exec/:id/resize',
  params: sizeParams,
  async run({ execs }, call) {
    await execs.resize(call.caller, call.param('id'), sizeOf(call));
    call.empty(200);
  },
};
