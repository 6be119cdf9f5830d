import { type Operation, yes } from '../operation.ts';

export const killContainer: Operation = {
  method: 'POST',
  path: '/containers/:id/kill',
  params: { signal: yes('text', 'SIGKILL if it is left out') },
  async run({ pods }, call) {
    await pods.kill(call.caller, call.param('id'), call.query.text('signal') || 'SIGKILL');
    call.empty(204);
  },
};
