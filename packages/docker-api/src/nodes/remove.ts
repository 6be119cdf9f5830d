import { type Operation, yes } from '../operation.ts';
import { swarmOf } from '../swarm/member.ts';
import { findNode } from './find.ts';

export const removeNode: Operation = {
  method: 'DELETE',
  path: '/nodes/:id',
  params: { force: yes('flag') },
  async run(cloud, call) {
    await swarmOf(cloud, call);
    const { meta } = await findNode(cloud, call, call.param('id'));
    await cloud.hosts.remove(call.caller, meta.name, { force: call.query.flag('force') });
    call.empty(200);
  },
};
