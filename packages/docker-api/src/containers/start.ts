import { type Operation, refused } from '../operation.ts';
import { parseDetachKeys } from '../wire/detach-keys.ts';

export const startContainer: Operation = {
  method: 'POST',
  path: '/containers/:id/start',
  params: {
    detachKeys: { kind: 'text', support: 'yes', note: 'checked; `attach` takes its own' },
    checkpoint: refused('text', 'checkpoints'),
    'checkpoint-dir': refused('text', 'checkpoints'),
  },
  async run({ pods }, call) {
    parseDetachKeys(call.query.text('detachKeys'));
    await pods.start(call.caller, call.param('id'));
    call.empty(204);
  },
};
