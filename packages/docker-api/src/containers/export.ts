import type { Operation } from '../operation.ts';
import { sendAll } from '../wire/flow.ts';

export const exportContainer: Operation = {
  method: 'GET',
  path: '/containers/:id/export',
  async run({ pods }, call) {
    const tar = await pods.export(call.caller, call.param('id'), call.signal);
    await sendAll(call.open('application/octet-stream'), tar);
  },
};
