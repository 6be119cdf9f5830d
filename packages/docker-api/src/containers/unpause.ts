import type { Operation } from '../operation.ts';

export const unpauseContainer: Operation = {
  method: 'POST',
  path: '/containers/:id/unpause',
  async run({ pods }, call) {
    await pods.unpause(call.caller, call.param('id'));
    call.empty(204);
  },
};
