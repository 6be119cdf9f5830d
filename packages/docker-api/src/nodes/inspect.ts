import type { Operation } from '../operation.ts';
import { swarmOf } from '../swarm/member.ts';
import { findNode } from './find.ts';
import { nodeOf } from './show.ts';

export const inspectNode: Operation = {
  method: 'GET',
  path: '/nodes/:id',
  async run(cloud, call) {
    await swarmOf(cloud, call);
    const host = await findNode(cloud, call, call.param('id'));
    call.json(200, nodeOf(host, await cloud.hosts.list(call.caller), await cloud.hosts.ca(call.caller)));
  },
};
