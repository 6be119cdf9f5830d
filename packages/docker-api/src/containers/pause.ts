import type { Operation } from '../operation.ts';

export const pauseContainer: Operation = {
  method: 'POST',
  path: '/containers/:id/pause',
  async run({ pods }, call) {
    await pods.pause(call.caller, call.param('id'));
    call.empty(204);
  },
};
