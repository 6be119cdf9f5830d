import { type Operation, yes } from '../operation.ts';

export const removeVolume: Operation = {
  method: 'DELETE',
  path: '/volumes/:name',
  params: { force: yes('flag') },
  async run({ volumes }, call) {
    await volumes.remove(call.caller, call.param('name'), { force: call.query.flag('force') });
    call.empty(204);
  },
};
