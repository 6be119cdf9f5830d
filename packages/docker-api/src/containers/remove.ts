import { KraudError } from '@kraud/base';
import { type Operation, yes } from '../operation.ts';

export const removeContainer: Operation = {
  method: 'DELETE',
  path: '/containers/:id+',
  params: {
    force: yes('flag'),
    v: yes('flag', 'anonymous volumes too'),
    link: yes('flag', 'the name is `container/alias`'),
  },
  async run({ pods }, call) {
    const { query } = call;
    if (query.flag('link')) {
      const [parent, alias, more] = call.param('id').replace(/^\//, '').split('/');
      if (!parent || !alias || more !== undefined) {
        throw new KraudError('conflict', 'Conflict, cannot remove the default link name of the container');
      }
      await pods.unlink(call.caller, parent, alias);
      return call.empty(204);
    }
    await pods.remove(call.caller, call.param('id'), {
      force: query.flag('force'),
      volumes: query.flag('v'),
    });
    call.empty(204);
  },
};
