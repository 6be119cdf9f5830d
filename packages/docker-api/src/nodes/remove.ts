import { HttpFault } from '../errors.ts';
import { type Operation, yes } from '../operation.ts';
import { swarmId } from '../swarm/ids.ts';
import { swarmOf } from '../swarm/member.ts';
import { findNode } from './find.ts';
import { recordNode } from './record.ts';

export const removeNode: Operation = {
  method: 'DELETE',
  path: '/nodes/:id',
  params: { force: yes('flag') },
  async run(cloud, call) {
    await swarmOf(cloud, call);
    const host = await findNode(cloud, call, call.param('id'));
    const force = call.query.flag('force');
    if (host.status.ready && !force) {
      throw new HttpFault(400, `node ${swarmId(host)} is not down and can't be removed`);
    }
    await cloud.hosts.remove(call.caller, host.meta.name, { force });
    await recordNode(cloud, call, 'remove', host);
    call.empty(200);
  },
};
