import { type Operation, refused, yes } from '../operation.ts';

export const removeContainer: Operation = {
  method: 'DELETE',
  path: '/containers/:id',
  params: {
    force: yes('flag'),
    v: yes('flag', 'anonymous volumes too'),
    link: refused('flag', 'there are no links'),
  },
  async run({ pods }, call) {
    const { query } = call;
    await pods.remove(call.caller, call.param('id'), {
      force: query.flag('force'),
      volumes: query.flag('v'),
    });
    call.empty(204);
  },
};
