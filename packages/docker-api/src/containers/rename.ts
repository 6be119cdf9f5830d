import { KraudError } from '@kraud/base';
import { type Operation, yes } from '../operation.ts';

export const renameContainer: Operation = {
  method: 'POST',
  path: '/containers/:id/rename',
  params: { name: yes('text') },
  async run({ pods }, call) {
    const name = call.query.text('name');
    if (name === '') throw new KraudError('invalid', 'Neither old nor new names may be empty');
    await pods.rename(call.caller, call.param('id'), name);
    call.empty(204);
  },
};
