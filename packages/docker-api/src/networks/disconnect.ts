import { row } from '../body/rows.ts';
import { refOf } from '../containers/draft/network.ts';
import type { Operation } from '../operation.ts';

export const disconnectNetwork: Operation = {
  method: 'POST',
  path: '/networks/:id/disconnect',
  body: [
    row('yes', 'Container', 'string', 'web'),
    row('yes', 'Force', 'bool', true, { note: 'nothing is kept that would need it', kept: true }),
  ],
  async run({ networks }, call) {
    const { body: checked } = await call.body('refuse');
    const body = checked as { Container?: string };
    await networks.disconnect(call.caller, refOf(call.param('id')), body.Container ?? '');
    call.empty(200);
  },
};
