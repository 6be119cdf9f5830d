import { type Operation, yes } from '../operation.ts';
import { swarmOf } from '../swarm/member.ts';
import { findService } from './find.ts';
import { serviceOf } from './show/service.ts';

export const inspectService: Operation = {
  method: 'GET',
  path: '/services/:id',
  params: { insertDefaults: yes('flag') },
  async run(cloud, call) {
    await swarmOf(cloud, call);
    const workload = await findService(cloud, call, call.param('id'));
    const networks = await cloud.networks.list(call.caller);
    call.json(200, serviceOf(workload, networks, { defaults: call.query.flag('insertDefaults') }));
  },
};
